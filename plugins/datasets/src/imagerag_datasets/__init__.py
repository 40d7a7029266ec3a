"""Published data sets, tables and archives as sources of images for imagerag.

Every source streams: it holds one row, one member or one small table of classes, never a whole
manifest or archive.
"""
