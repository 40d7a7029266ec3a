"""Writing a new plugin: a whole distribution, for any role, that installs and passes its tests.

`names` checks what it is to be called, `rendering` fills in the templates, which are plain files
below `templates`: those of `every` role, and over them those of the one asked for.
"""
