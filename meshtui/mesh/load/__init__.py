"""Load tests carried out: clients found, requests made, their stories told, runs kept."""
