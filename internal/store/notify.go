package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// notice is what one process tells the others of a transaction.
type notice struct {
	Owner      int64    `json:"o"`
	Targets    []string `json:"t,omitempty"` // with something that may be claimed now
	All        bool     `json:"a,omitempty"` // more than can be said
	Conditions bool     `json:"c,omitempty"` // of targets have changed
	Objects    bool     `json:"b,omitempty"` // were made, changed or deleted
}

// longestNotice is what PostgreSQL carries, with some room.
const longestNotice = 7000

// channel is where those who share a schema hear of each other.
func (p *postgres) channel() string { return "bellbuoy " + p.name[:min(len(p.name), 50)] }

// tellOthers has the other processes told, when the transaction is committed, of what
// they cannot know: it is a hint, and who misses it looks before long by itself.
func (p *postgres) tellOthers(ctx context.Context, conditions bool) error {
	marked := p.s.shelves.takeMarked()
	if p.others == 0 || len(marked) == 0 && !conditions && !p.s.objects.changed {
		return nil
	}
	n := notice{Owner: p.s.owner, Targets: marked, Conditions: conditions, Objects: p.s.objects.changed}
	b, err := json.Marshal(n)
	if err == nil && len(b) > longestNotice {
		n.Targets, n.All = nil, true
		b, err = json.Marshal(n)
	}
	if err != nil {
		return err
	}
	_, err = p.s.conn.ExecContext(ctx, `SELECT pg_notify(?1, ?2)`, p.channel(), string(b))
	return err
}

// listen hears what others tell, until ctx ends. While it cannot, what they leave is found
// with each beat.
func (p *postgres) listen(ctx context.Context) {
	wait := firstBackoff
	for ctx.Err() == nil {
		if heard := p.hear(ctx); heard {
			wait = firstBackoff
		}
		p.listening.Store(false)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, beatEvery)
	}
}

// hear listens on one connection until that is gone.
func (p *postgres) hear(ctx context.Context) (heard bool) {
	conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
	if err != nil {
		return false
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is gone, or nobody needs it any more
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{p.channel()}.Sanitize()); err != nil {
		return false
	}
	p.listening.Store(true)
	p.took(notice{All: true, Conditions: true, Objects: true}) // what was said while nobody heard it
	for {
		said, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true
		}
		var n notice
		if err := json.Unmarshal([]byte(said.Payload), &n); err != nil || n.Owner == p.number.Load() {
			continue
		}
		p.took(n)
	}
}

// took takes in what another process told.
func (p *postgres) took(n notice) {
	s := p.s
	if n.Objects {
		s.objects.tell()
	}
	targets := n.Targets
	if n.All {
		ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
		defer cancel()
		targets, _ = s.column(ctx, s.stmts.text.waitingTargets) // what it misses is found with a beat
	}
	unknown := s.shelves.found(targets)
	if len(unknown) == 0 && !n.Conditions {
		return
	}
	j := nothing() // it takes in what others have written
	j.run = func(context.Context) error {
		for _, t := range unknown {
			s.shelves.mark(t, true)
		}
		return nil
	}
	select {
	case s.jobs <- j:
	case <-s.closed:
	}
}

// takeMarked are the targets that the running transaction has marked.
func (s *shelves) takeMarked() []string {
	out := make([]string, 0, len(s.marked))
	for t := range s.marked {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// forgetAll drops what was leased to this process: it is not any more. What it has claimed
// and not begun is to be given back.
func (s *shelves) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, sh := range s.targets {
		sh.handed, sh.out, sh.inTx = nil, 0, 0
		sh.stored, sh.others, sh.known, sh.recall = true, true, false, true
		s.tell(t)
	}
}
