"""Hard trials: kills, full disks, two processes at once, signals and hostile files, counted."""
