package store

import (
	"context"
	"database/sql"
	"fmt"
)

// texts are the statements of one SQL dialect. Their arguments and columns are the
// same in every dialect.
type texts struct {
	paceTexts
	clock clockTexts

	begin   string
	inOrder string // of a list of events: that of the list

	insertArrival, insertEvent, findSeen, countRepeat         string
	indexSeen, indexKeys, setIndexed                          string
	insertDelivery, insertQuarantine, addTally, insertRuleSet string
	insertRendering                                           string
	keyWaits, keyHeldBack, claim, anyWaiting, nextWake        string
	free, keysBehind, holdsEnded                              string
	record, holdUntil, holdBack, giveBack, giveBackBehind     string
	insertAttempt, routeEvent, park, parkOne, release, cancel string

	conditions, putCondition, probed, raise string
	repark, expire, countOverdue            string

	after                             afterTexts
	upkeep                            upkeepTexts
	addStanding, addEnded, addMinute  string
	dropTally, dropEnded, dropMinutes string

	voidLeases, waitingTargets, parkedTargets string
}

// statements are those that the writer runs again and again, prepared.
type statements struct {
	text *texts
	paceStatements

	insertArrival, insertEvent, findSeen, countRepeat         *sql.Stmt
	indexSeen, indexKeys, setIndexed                          *sql.Stmt
	insertDelivery, insertQuarantine, addTally, insertRuleSet *sql.Stmt
	insertRendering                                           *sql.Stmt
	keyWaits, keyHeldBack, claim, anyWaiting, nextWake        *sql.Stmt
	free, keysBehind, holdsEnded                              *sql.Stmt
	record, holdUntil, holdBack, giveBack, giveBackBehind     *sql.Stmt
	insertAttempt, routeEvent, park, parkOne, release, cancel *sql.Stmt
	addStanding, addEnded, addMinute                          *sql.Stmt
	dropTally, dropEnded, dropMinutes                         *sql.Stmt

	deliverySrc, redeliver, insertRedelivery *sql.Stmt

	all []*sql.Stmt
}

// preparing is one statement and where it is to be.
type preparing struct {
	to   **sql.Stmt
	text string
}

// prepare prepares them for a connection, and forgets those of another.
func (st *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	t := st.text
	st.all = nil
	for _, p := range append(st.paceStatements.of(&t.paceTexts), []preparing{
		{&st.insertArrival, t.insertArrival}, {&st.insertEvent, t.insertEvent}, {&st.findSeen, t.findSeen},
		{&st.indexSeen, t.indexSeen}, {&st.indexKeys, t.indexKeys}, {&st.setIndexed, t.setIndexed}, {&st.countRepeat, t.countRepeat}, {&st.insertDelivery, t.insertDelivery},
		{&st.insertQuarantine, t.insertQuarantine}, {&st.addTally, t.addTally}, {&st.insertRuleSet, t.insertRuleSet},
		{&st.insertRendering, t.insertRendering},
		{&st.keyWaits, t.keyWaits}, {&st.keyHeldBack, t.keyHeldBack}, {&st.claim, t.claim}, {&st.anyWaiting, t.anyWaiting},
		{&st.nextWake, t.nextWake}, {&st.free, t.free}, {&st.keysBehind, t.keysBehind},
		{&st.holdsEnded, t.holdsEnded}, {&st.holdUntil, t.holdUntil}, {&st.holdBack, t.holdBack},
		{&st.record, t.record}, {&st.giveBack, t.giveBack}, {&st.giveBackBehind, t.giveBackBehind}, {&st.insertAttempt, t.insertAttempt},
		{&st.routeEvent, t.routeEvent}, {&st.park, t.park}, {&st.parkOne, t.parkOne},
		{&st.release, t.release}, {&st.cancel, t.cancel},
		{&st.deliverySrc, t.after.deliverySrc}, {&st.redeliver, t.after.redeliver}, {&st.insertRedelivery, t.after.insertRedelivery},
		{&st.addStanding, t.addStanding}, {&st.addEnded, t.addEnded}, {&st.addMinute, t.addMinute},
		{&st.dropTally, t.dropTally}, {&st.dropEnded, t.dropEnded}, {&st.dropMinutes, t.dropMinutes},
	}...) {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			st.close()
			return fmt.Errorf("prepare %q: %w", p.text, err)
		}
		*p.to = stmt
		st.all = append(st.all, stmt)
	}
	return nil
}

func (st *statements) close() {
	for _, s := range st.all {
		s.Close()
	}
}
