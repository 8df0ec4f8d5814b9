package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func change(t *testing.T, s *Store, generation int64, changes ...ObjectChange) int64 {
	t.Helper()
	next, _, err := s.ChangeObjects(t.Context(), "ann", generation, changes)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func objectsOf(t *testing.T, s *Store) Objects {
	t.Helper()
	all, err := s.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Objects are made, changed and deleted in their order, each with an entry in the audit,
// and are there in another life.
func TestObjects(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	if all := objectsOf(t, s); all.Generation != 0 || len(all.List) != 0 {
		t.Fatalf("a new store has %+v", all)
	}
	g, made, err := s.ChangeObjects(t.Context(), "ann", 0, []ObjectChange{
		{Kind: "target", Name: "ci", Body: json.RawMessage(`{"name":"ci"}`), Sealed: []byte{0, 1, 255}, Note: json.RawMessage(`{"a":1}`)},
		{Kind: "rule", Name: "all", Body: json.RawMessage(`{"name":"all"}`), Details: map[string]int{"n": 1}},
		{Kind: "rule", Name: "gone", Body: json.RawMessage(`{"name":"gone"}`)},
	})
	if err != nil || g != 1 || len(made) != 3 || made[0].Version != 1 || made[0].By != "ann" || made[0].Created.IsZero() {
		t.Fatalf("%d %+v %v", g, made, err)
	}
	time.Sleep(time.Millisecond)
	g, _, err = s.ChangeObjects(t.Context(), "bob", g, []ObjectChange{
		{Kind: "rule", Name: "gone", Version: 1},
		{Kind: "target", Name: "ci", Version: 1, Body: json.RawMessage(`{"name":"ci","x":2}`)},
		{Kind: "target", Name: "all", Body: json.RawMessage(`{"name":"all"}`)},
	})
	if err != nil || g != 2 {
		t.Fatal(g, err)
	}
	all := objectsOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	again := objectsOf(t, s)
	if all.Generation != 2 || again.Generation != 2 || len(all.List) != 3 || len(again.List) != 3 {
		t.Fatalf("%+v, then %+v", all, again)
	}
	var names []string
	for _, o := range again.List {
		names = append(names, o.Kind+" "+o.Name)
	}
	if want := []string{"target ci", "rule all", "target all"}; !slices.Equal(names, want) {
		t.Errorf("they are %q, want %q", names, want)
	}
	o := again.List[0]
	if o.Version != 2 || o.By != "bob" || string(o.Body) != `{"name":"ci","x":2}` || string(o.Note) != `{"a":1}` || o.Sealed != nil || !o.Changed.After(o.Created) {
		t.Errorf("the target is %+v", o)
	}
	entries, err := s.Audit(t.Context(), AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range entries {
		said = append(said, e.By+" "+e.What+" "+e.Object+" "+string(e.Details))
	}
	want := []string{"bob create target all {}", "bob change target ci {}", "bob delete rule gone {}",
		"ann create rule gone {}", `ann create rule all {"n":1}`, "ann create target ci {}"}
	if !slices.Equal(said, want) {
		t.Errorf("the audit says\n%s", strings.Join(said, "\n"))
	}
	if n, err := s.ObjectsGeneration(t.Context()); n != 2 || err != nil {
		t.Error(n, err)
	}
}

// Nothing is changed where one of the changes cannot be, or where what they were found to
// be good by has passed.
func TestObjectsAllOrNone(t *testing.T) {
	s := open(t, temp(t))
	body := json.RawMessage(`{}`)
	change(t, s, 0, ObjectChange{Kind: "rule", Name: "a", Body: body})
	for name, c := range map[string]struct {
		generation int64
		last       ObjectChange
		want       error
	}{
		"it is there":       {1, ObjectChange{Kind: "rule", Name: "a", Body: body}, ErrVersion},
		"it is not there":   {1, ObjectChange{Kind: "target", Name: "a", Version: 1}, ErrVersion},
		"another version":   {1, ObjectChange{Kind: "rule", Name: "a", Body: body, Version: 2}, ErrVersion},
		"an old generation": {0, ObjectChange{Kind: "rule", Name: "a", Body: body, Version: 1}, ErrObjects},
		"a later one":       {2, ObjectChange{Kind: "rule", Name: "a", Body: body, Version: 1}, ErrObjects},
	} {
		_, _, err := s.ChangeObjects(t.Context(), "ann", c.generation, []ObjectChange{{Kind: "rule", Name: "b", Body: body}, c.last})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := objectsOf(t, s); all.Generation != 1 || len(all.List) != 1 {
		t.Errorf("there are %+v", all)
	}
	if entries, err := s.Audit(t.Context(), AuditQuery{}); err != nil || len(entries) != 1 {
		t.Errorf("the audit has %d entries, %v", len(entries), err)
	}
}

// Of several processes that change objects at once one goes before; the others read again.
// They are told of each other's changes.
func TestProcessesShareObjects(t *testing.T) {
	stores := several(t, database(t), 2)
	until := func(what string, s *Store) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		select {
		case <-s.ObjectsChanged():
		case <-ctx.Done():
			t.Fatal(what)
		}
	}
	for _, s := range stores { // each looks when it begins to listen
		until("it does not begin to listen", s)
	}
	g := change(t, stores[0], 0, ObjectChange{Kind: "rule", Name: "a", Body: json.RawMessage(`{}`)})
	until("the other is not told", stores[1])
	if n, err := stores[1].ObjectsGeneration(t.Context()); n != g || err != nil {
		t.Error(n, err)
	}
	if _, _, err := stores[1].ChangeObjects(t.Context(), "bob", 0, []ObjectChange{{Kind: "rule", Name: "b", Body: json.RawMessage(`{}`)}}); !errors.Is(err, ErrObjects) {
		t.Error(err)
	}
	change(t, stores[1], g, ObjectChange{Kind: "rule", Name: "b", Body: json.RawMessage(`{}`)})
	until("the first is not told", stores[0])
	if all := objectsOf(t, stores[0]); len(all.List) != 2 {
		t.Errorf("%+v", all)
	}
}

func TestLastHeard(t *testing.T) {
	s := open(t, temp(t))
	if heard, err := s.LastHeard(t.Context()); err != nil || len(heard) != 0 {
		t.Error(heard, err)
	}
	first, last := push("one", "r", "ci"), push("two", "r", "ci")
	last.Received = first.Received.Add(time.Second)
	accept(t, s, first)
	accept(t, s, last)
	heard, err := s.LastHeard(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// By the store's clock, as the event's trace has it.
	two, err := s.Trace(t.Context(), last.Items[0].Event.ID)
	if at := heard[first.Registry]; err != nil || len(heard) != 1 || !at.Equal(two.Received.Time) {
		t.Errorf("%v, %v, want %v", heard, err, two.Received.Time)
	}
}

// Rules that judged no event before others came are not kept; those that judged one are, and
// so are those that a request may still go by.
func TestRulesThatJudgedNothingGo(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	source := func(i int) []byte {
		return fmt.Appendf(nil, `{"v":1,"rules":[%s%d]}`, strings.Repeat(`"much of the same",`, 1000), i)
	}
	put := func(i int) {
		t.Helper()
		if err := s.PutRuleSet(t.Context(), fmt.Sprint("h", i), source(i)); err != nil {
			t.Fatal(err)
		}
	}
	has := func(i int) bool {
		t.Helper()
		b, err := s.RuleSet(t.Context(), fmt.Sprint("h", i))
		if err == nil && string(b) != string(source(i)) {
			t.Errorf("set %d is another", i)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		return err == nil
	}
	judge := func(i int) {
		t.Helper()
		a := push(fmt.Sprint("by ", i), "r", "ci")
		a.Items[0].Routing.RuleSet = fmt.Sprint("h", i)
		accept(t, s, a)
	}
	put(0)
	judge(0)
	for i := 1; i <= 200; i++ {
		put(i)
		if i == 100 {
			judge(i)
		}
		if i == 150 {
			put(0) // again, for a while
		}
	}
	for i := range 201 {
		if want := i == 0 || i == 100 || i > 200-stillInUse+1; has(i) != want && i != 200-stillInUse+1 {
			t.Errorf("set %d is there: %v", i, !want)
		}
	}
	judge(170) // by a request that began long ago
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	put(300)
	for _, i := range []int{0, 100, 170, 300} {
		if !has(i) {
			t.Errorf("set %d is gone", i)
		}
	}
	if has(199) {
		t.Error("what another process was to judge by is there")
	}
}
