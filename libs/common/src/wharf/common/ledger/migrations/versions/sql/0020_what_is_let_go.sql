-- An object whose row says that it is gone is nobody's: who looks for such objects has to see that.
GRANT SELECT (removed_at) ON wharf.uploads TO wharf_dispatch;
