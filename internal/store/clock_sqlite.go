package store

// clockTexts are the statements for when the clock is set: what is by it is moved by ?1.
type clockTexts struct {
	keep, kept, newest             string
	waiting, parked, held, targets string
}

var sqliteClock = clockTexts{
	keep: `INSERT INTO meta (key, value) VALUES ('clock', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
	kept: `SELECT value FROM meta WHERE key = 'clock'`,

	newest: `SELECT seq, received FROM event ORDER BY seq DESC LIMIT 1`,

	waiting: `UPDATE delivery SET due = due + ?1, give_up = give_up + ?1,
			hold_until = CASE WHEN hold_until IN (0, 9223372036854775807) THEN hold_until ELSE hold_until + ?1 END
		WHERE state = 'waiting'`,
	parked: `UPDATE delivery SET due = due + ?1, give_up = give_up + ?1, ended = CASE WHEN ended = 0 THEN 0 ELSE ended + ?1 END,
			hold_until = CASE WHEN hold_until IN (0, 9223372036854775807) THEN hold_until ELSE hold_until + ?1 END
		WHERE state = 'parked'`,
	held: `UPDATE event SET route_at = route_at + ?1 WHERE state = 'held'`,
	targets: `UPDATE target SET
		open = CASE WHEN open = 0 THEN 0 ELSE open + ?1 END, probe = CASE WHEN probe = 0 THEN 0 ELSE probe + ?1 END,
		paused = CASE WHEN paused = 0 THEN 0 ELSE paused + ?1 END, disabled = CASE WHEN disabled = 0 THEN 0 ELSE disabled + ?1 END,
		marked = CASE WHEN marked = 0 THEN 0 ELSE marked + ?1 END`,
}
