"""Programs and classes of other aligners, done by xalign: a pipeline changes a name and no more."""
