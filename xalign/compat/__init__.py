"""Programs and classes of other aligners, run by xalign: a pipeline only changes a name."""
