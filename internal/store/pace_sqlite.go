package store

import "database/sql"

// paceTexts are the statements of rates and digests.
type paceTexts struct {
	pruneSpent, countTokens, insertToken, endToken, takeLeased string
	addSpent, insertSpent, moveSpent                           string
	spendAll, endAll, clampSpent, forgetSpent                  string

	freshCount, fresh, fold, makeDigest, moveDelivery string
	digestsChanged, tellMembers, told, anyDigest      string
}

type paceStatements struct {
	pruneSpent, countTokens, insertToken, endToken, takeLeased *sql.Stmt
	addSpent, insertSpent, moveSpent                           *sql.Stmt

	freshCount, fresh, fold, makeDigest, moveDelivery *sql.Stmt
	digestsChanged, tellMembers, told                 *sql.Stmt
}

// of pairs the statements with their texts.
func (p *paceStatements) of(t *paceTexts) []preparing {
	return []preparing{
		{&p.pruneSpent, t.pruneSpent}, {&p.countTokens, t.countTokens}, {&p.insertToken, t.insertToken},
		{&p.endToken, t.endToken}, {&p.takeLeased, t.takeLeased}, {&p.addSpent, t.addSpent},
		{&p.insertSpent, t.insertSpent}, {&p.moveSpent, t.moveSpent},
		{&p.freshCount, t.freshCount}, {&p.fresh, t.fresh}, {&p.fold, t.fold}, {&p.makeDigest, t.makeDigest},
		{&p.moveDelivery, t.moveDelivery}, {&p.digestsChanged, t.digestsChanged},
		{&p.tellMembers, t.tellMembers}, {&p.told, t.told},
	}
}

var sqlitePace = paceTexts{
	pruneSpent: `DELETE FROM spent WHERE seq IN (SELECT seq FROM spent WHERE target = ?1 AND ended <= ?2 ORDER BY ended LIMIT ?3)`,
	countTokens: `SELECT (SELECT count(*) FROM token WHERE target = ?1), coalesce(sum(n), 0), min(ended)
		FROM spent WHERE target = ?1 AND ended > ?2`,
	insertToken: `INSERT INTO token (target, delivery, attempt) VALUES (?1, ?2, ?3)`,
	endToken:    `DELETE FROM token WHERE seq = (SELECT seq FROM token WHERE delivery = ?1 AND attempt = ?2 LIMIT 1)`,
	takeLeased: `INSERT INTO token (target, delivery, attempt) SELECT target, seq, earlier + attempts + 1 FROM delivery
		WHERE target = ?1 AND lease <> 0 AND NOT EXISTS (SELECT 1 FROM token
			WHERE token.delivery = delivery.seq AND token.attempt = delivery.earlier + delivery.attempts + 1)`,
	addSpent:    `UPDATE spent SET n = n + 1 WHERE target = ?1 AND ended = ?2`,
	insertSpent: `INSERT INTO spent (target, ended, n) VALUES (?1, ?2, 1)`,
	moveSpent:   `UPDATE spent SET ended = ended + ?1`,
	spendAll:    `INSERT INTO spent (target, ended, n) SELECT target, ?1, count(*) FROM token GROUP BY target`,
	endAll:      `DELETE FROM token`,
	clampSpent:  `UPDATE spent SET ended = ?1 WHERE ended > ?1`,
	forgetSpent: `DELETE FROM spent WHERE ended <= ?1`,

	freshCount: `SELECT count(*) FROM (SELECT 1 FROM delivery
		WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts = 0 AND behind = 0 AND due <= ?2 LIMIT ?3) AS fresh`,
	// What has a history of its own, by its seq, keeps it: it is told alone.
	fresh: `SELECT d.seq, d.key, d.type, d.rule, d.rules, d.give_up, d.hold, e.id, e.type, e.status, e.registry, e.repository,
			d.digest IS NOT NULL OR d.earlier > 0 OR d.probes > 0 OR EXISTS (SELECT 1 FROM redelivery r WHERE r.delivery = d.seq),
			CASE WHEN e.type IN ('vulnerability.found', 'scan.completed') THEN e.json END
		FROM (SELECT * FROM delivery
			WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts = 0 AND behind = 0 AND due <= ?2
			ORDER BY seq LIMIT ?3) d JOIN event e ON e.seq = d.event ORDER BY d.seq`,
	fold:         `UPDATE delivery SET state = 'folded', reason = ?2, digest = ?3 WHERE seq = ?1 AND state = 'waiting' AND lease = 0`,
	makeDigest:   `UPDATE delivery SET told = state, behind = 0 WHERE seq = ?1`,
	moveDelivery: `UPDATE delivery SET seq = ?2 WHERE seq = ?1`,
	// The members of a digest are folded while it may still be delivered, and if it was.
	digestsChanged: `SELECT seq, id, (SELECT id FROM event WHERE event.seq = delivery.event), state, reason FROM delivery
		WHERE told <> state LIMIT ?1`,
	tellMembers: `UPDATE delivery SET state = ?2, reason = ?3, ended = ?4
		WHERE digest = ?1 AND digest > 0 AND state NOT IN ('waiting', 'parked', 'delivered')`,
	told:      `UPDATE delivery SET told = state WHERE seq = ?1`,
	anyDigest: `SELECT EXISTS (SELECT 1 FROM delivery WHERE digest > 0)`,
}
