package store

// afterTexts are the statements that do what people ask for: redeliver, replay, audit,
// and those of shadow mode. Most are run too seldom to be kept prepared.
type afterTexts struct {
	insertAudit, amendAudit                  string
	insertRun, findRun, advanceRun           string
	redeliver, insertRedelivery, deliverySrc string
	alreadyAt, addKeys, addKey               string
	eventArrival, insertReplayed             string
	keepShadow                               string
}

// sqliteAfter are those in SQLite's dialect.
var sqliteAfter = afterTexts{
	insertAudit: `INSERT INTO audit (time, by, what, object, details) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING seq`,
	amendAudit:  `UPDATE audit SET details = ?2 WHERE seq = ?1`,

	insertRun:  `INSERT INTO run (id, audit, what, request, upto, at, counts) VALUES (?1, ?2, ?3, ?4, ?5, 0, '{}')`,
	findRun:    `SELECT audit, what, request, upto, at, counts, ended FROM run WHERE id = ?1`,
	advanceRun: `UPDATE run SET at = ?3, counts = ?4, ended = ?5 WHERE id = ?1 AND at = ?2 AND ended = 0`,

	// Whoever has come before has left it in another state; then this changes nothing.
	redeliver: `UPDATE delivery SET state = 'waiting', reason = '', ended = 0, due = ?3, lease = 0, hold_until = 0,
			behind = CASE WHEN key <> '' THEN 1 ELSE 0 END,
			earlier = earlier + attempts, attempts = 0, give_up = ?4, hold = ?5,
			resume = CASE WHEN state = 'delivered' THEN NULL ELSE resume END,
			digest = CASE WHEN digest > 0 THEN 0 ELSE digest END -- it ends by itself from here on
		WHERE seq = ?1 AND state = ?2`,
	insertRedelivery: `INSERT INTO redelivery (delivery, audit, time, state, reason, source, attempts)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
	deliverySrc: `SELECT d.target, d.key, d.state, d.reason, d.earlier + d.attempts + d.probes, d.rule, d.rules, d.event, e.type, e.repository, e.json
		FROM delivery d JOIN event e ON e.seq = d.event WHERE d.seq = ?1`,
	alreadyAt: `SELECT EXISTS (SELECT 1 FROM delivery WHERE event = ?1 AND target = ?2
		AND state IN ('waiting', 'parked', 'delivered', 'folded'))`,
	addKeys: `UPDATE event SET keys = json_insert(keys, '$[#]', ?2) WHERE seq = ?1`,
	addKey:  `INSERT INTO event_key (key, event) VALUES (?2, ?1) ON CONFLICT DO NOTHING`,

	eventArrival:   `SELECT arrival, fingerprint FROM event WHERE seq = ?1 AND state = 'routed'`,
	insertReplayed: `INSERT INTO replayed (event, source, audit) VALUES (?1, ?2, ?3)`,

	keepShadow: `INSERT INTO shadow (delivery, time, request, body, error) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (delivery) DO UPDATE SET time = excluded.time, request = excluded.request,
			body = excluded.body, error = excluded.error`,
}
