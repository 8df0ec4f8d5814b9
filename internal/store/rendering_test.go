package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// What a rule says of a message comes back with the claim, handed over or read, also
// after a restart, and in the trace; it is kept once.
func TestRenderingIsKept(t *testing.T) {
	path := temp(t)
	s, err := begin(t.Context(), path, Options{Version: "test", Window: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutRuleSet(t.Context(), testRules, []byte("[]")); err != nil {
		t.Fatal(err)
	}
	const native, text = `{"format":"native"}`, `{"text":"é"}`
	var ids []string
	for i, says := range []string{native, "", text, native} { // the first is handed over, the others wait
		a := push(string(rune('a'+i)), "", "ci")
		a.Items[0].Routing.Deliveries[0].Rendering = says
		ids = append(ids, accept(t, s, a).IDs...)
	}
	first := claim(t, s, "ci", 1)
	if len(first) != 1 || first[0].Rendering != native {
		t.Fatalf("handed over: %+v", first)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	claimed := claim(t, s, "ci", 8)
	if len(claimed) != 4 {
		t.Fatalf("%d claimed, want 4", len(claimed))
	}
	for i, want := range []string{native, "", text, native} {
		if claimed[i].Rendering != want {
			t.Errorf("claim %d: %q, want %q", i, claimed[i].Rendering, want)
		}
		tr, err := s.Trace(t.Context(), ids[i])
		if err != nil || string(tr.Deliveries[0].Rendering) != want {
			t.Errorf("trace %d: %+v, %v, want %q", i, tr.Deliveries, err, want)
		}
	}
	var n int
	if err := s.read.QueryRow(`SELECT count(*) FROM rendering`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d renderings, %v, want 2", n, err)
	}
}

// A number that was given out in a transaction that failed is not used.
func TestRenderingOfAFailedTransaction(t *testing.T) {
	s := open(t, temp(t))
	bad := push("bad", "", "ci")
	bad.Items[0].Routing.Deliveries[0].Rendering = `{"format":"native"}`
	bad.Items[0].Routing.Deliveries = append(bad.Items[0].Routing.Deliveries, bad.Items[0].Routing.Deliveries[0]) // its id twice
	if _, err := s.Accept(t.Context(), bad); err == nil {
		t.Fatal("one id is taken twice")
	}
	other := push("other", "", "ci")
	other.Items[0].Routing.Deliveries[0].Rendering = `{"text":"x"}`
	accept(t, s, other)
	good := push("good", "", "ci")
	good.Items[0].Routing.Deliveries[0].Rendering = `{"format":"native"}`
	tr, err := s.Trace(t.Context(), accept(t, s, good).IDs[0])
	if err != nil || string(tr.Deliveries[0].Rendering) != `{"format":"native"}` {
		t.Errorf("%+v, %v", tr.Deliveries, err)
	}
}

// The body as it came is had when it is needed, and shown with each attempt that sent
// it though it is kept once.
func TestNative(t *testing.T) {
	s := open(t, temp(t))
	a := push("one", "", "ci", "plain")
	a.Headers = map[string]string{"Content-Type": "application/x-registry"}
	a.Body = Raw{Bytes: []byte(" {\xff} "), Size: 9, SHA256: [32]byte{7}, Truncated: true}
	id := accept(t, s, a).IDs[0]
	c := claim(t, s, "ci", 1)[0]
	raw, contentType, err := s.Native(t.Context(), c.Seq)
	if err != nil || string(raw.Bytes) != " {\xff} " || raw.Size != 9 || raw.SHA256 != a.Body.SHA256 || !raw.Truncated || contentType != "application/x-registry" {
		t.Errorf("%+v, %q, %v", raw, contentType, err)
	}
	if _, _, err := s.Native(t.Context(), 999); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no delivery: %v", err)
	}
	for _, c := range []Claimed{c, claim(t, s, "plain", 1)[0]} {
		if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: c.Target, Attempt: 1, State: Delivered, Outcome: plugin.Delivered,
			Receipt: plugin.Receipt{Request: plugin.Request{Method: "POST"}}, Native: c.Target == "ci"}}); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := s.Trace(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range tr.Deliveries {
		want := string(tr.Event)
		if d.Target == "ci" {
			want = " {\xff} "
		}
		if got := d.Attempts[0].Request.Body; got != want {
			t.Errorf("%s was sent %q, want %q", d.Target, got, want)
		}
	}
}

// What ends without an attempt has none.
func TestSkipped(t *testing.T) {
	s := open(t, temp(t))
	id := accept(t, s, push("one", "a/b", "ci")).IDs[0]
	c := claim(t, s, "ci", 1)[0]
	if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: "ci", Key: c.Key, Attempt: 1, State: Skipped, Reason: "no word for it", Time: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	tr, err := s.Trace(t.Context(), id)
	if d := tr.Deliveries[0]; err != nil || d.State != Skipped || d.Reason != "no word for it" || len(d.Attempts) != 0 || d.Next != nil {
		t.Errorf("%+v, %v", d, err)
	}
}

// A store of the version before is brought up to date, with what waits in it.
func TestOlderStoreIsBroughtUpToDate(t *testing.T) {
	path := file(t)
	s := open(t, path)
	id := accept(t, s, push("one", "", "ci")).IDs[0]
	c := claim(t, s, "ci", 1)[0]
	record(t, s, c, Waiting, time.Now())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	down(t, path)
	s = open(t, path)
	again := claim(t, s, "ci", 1)
	if len(again) != 1 || again[0].ID != c.ID || again[0].Rendering != "" {
		t.Fatalf("claimed %+v", again)
	}
	record(t, s, again[0], Delivered, time.Time{})
	wantCounts(t, s)
	if l, err := s.Events(t.Context(), Query{Registry: "hub", Since: time.Now().Add(-time.Minute)}); err != nil || len(l) != 1 {
		t.Errorf("by registry and time: %v, %v", l, err)
	}
	tr, err := s.Trace(t.Context(), id)
	if d := tr.Deliveries; err != nil || len(d) != 1 || d[0].State != Delivered || len(d[0].Attempts) != 2 || len(d[0].Rendering) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

// down makes of a store what the first version would have: its tables and columns, with
// what stands in them.
func down(t *testing.T, path string) {
	t.Helper()
	older := path + ".older"
	db, err := sql.Open("sqlite", "file:"+older)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	dir, err := fs.Sub(sqliteSchema, "schema/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	do := func(query string) []string {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		var out []string
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return out
	}
	do(`ATTACH '` + path + `' AS newer`)
	for _, table := range do(`SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> '` + goose.DefaultTablename + `'`) {
		columns := strings.Join(do(`SELECT name FROM pragma_table_info('`+table+`', 'main')`), ", ")
		do(`INSERT INTO main.` + table + ` (` + columns + `) SELECT ` + columns + ` FROM newer.` + table)
	}
	for _, query := range []string{`DELETE FROM main.meta WHERE key IN ('keyed', 'objects')`, `DELETE FROM main.event_key`, `UPDATE main.event SET keys = '[]'`} {
		do(query)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(older, path); err != nil {
		t.Fatal(err)
	}
}
