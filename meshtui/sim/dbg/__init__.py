"""What the programs in Cilium's containers print: endpoints, features, encryption, status in words."""
