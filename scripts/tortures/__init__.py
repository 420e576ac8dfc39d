"""What scripts/torture.py does to segbench, one module a torture."""
