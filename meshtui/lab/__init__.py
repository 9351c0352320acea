"""The lab: two meshed clusters with an application, built, walked step by step, checked, broken and mended."""
