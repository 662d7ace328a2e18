-- The number of a rejected row is written with the row where it is known then, and beside it, in wharf.assigned, where it is known at the end.
GRANT INSERT (assigned) ON wharf.rejects TO wharf_loader;
