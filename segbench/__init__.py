"""segbench: a workbench for semantic segmentation. Importing it loads nothing heavy."""

__version__ = "0.1.0"
