"""Training samples: which frames are drawn (`draws`), how they are cropped and changed (`steps`), and the pipeline that does both."""
