package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func user(name string) Inbox { return Inbox{"user", name} }
func team(name string) Inbox { return Inbox{"team", name} }

// reader is a person who is in some teams.
func reader(name string, teams ...string) Reader {
	r := Reader{Person: name, Inboxes: []Inbox{user(name)}}
	for _, t := range teams {
		r.Inboxes = append(r.Inboxes, team(t))
	}
	return r
}

// note is a notice for an inbox.
func note(id string, in Inbox, level string) Notice {
	return Notice{ID: id, Inbox: in, Level: level, Title: "title of " + id, Event: "e-" + id, Type: "artifact.pushed", Target: "bell"}
}

func notify(t testing.TB, s *Store, n Notice) bool {
	t.Helper()
	added, err := s.Notify(context.WithoutCancel(t.Context()), n)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// ids lists what q chooses.
func ids(t testing.TB, s *Store, q NoticeQuery) string {
	t.Helper()
	list, err := s.Notices(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range list {
		out = append(out, n.ID)
	}
	return strings.Join(out, " ")
}

func unread(t testing.TB, s *Store, r Reader) UnreadCount {
	t.Helper()
	u, err := s.Unread(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mark(t testing.TB, s *Store, r Reader, id string, read bool) Notice {
	t.Helper()
	n, err := s.Mark(t.Context(), r, id, read)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A notice is kept as it was told, whatever strangers chose to be called, and once however
// often its delivery is made.
func TestNoticeIsKeptOnce(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	want := note("one", user("alice"), "bad")
	want.Title, want.Text = "evil\"; DROP TABLE notice;-- \u202e{{.}} <b>", "two\nlines"
	want.Facts, want.Link = []NoticeFact{{"By", "\u200b$(rm)"}, {"Tags", "\U0001f514"}}, "https://h/x"
	if !notify(t, s, want) || notify(t, s, want) {
		t.Error("it was not kept once")
	}
	other := want
	other.Inbox, other.Title = user("bob"), "another"
	if notify(t, s, other) {
		t.Error("the same delivery was kept twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if notify(t, s, want) {
		t.Error("it was kept again after a restart")
	}
	list, err := s.Notices(t.Context(), NoticeQuery{Reader: reader("alice")})
	if diff := cmp.Diff([]Notice{want}, list, cmpopts.IgnoreFields(Notice{}, "Time", "Cursor")); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if since := time.Since(list[0].Time); since < 0 || since > time.Hour {
		t.Errorf("its time is %v", list[0].Time)
	}
	if got := ids(t, s, NoticeQuery{Reader: reader("bob")}); got != "" {
		t.Errorf("bob has %s", got)
	}
}

// What is for a team is read by each of its members for himself, and what is for others is
// seen by nobody else.
func TestReadByEachForHimself(t *testing.T) {
	s := open(t, temp(t))
	alice, bob := reader("alice", "platform"), reader("bob", "platform")
	for _, n := range []Notice{note("a", user("alice"), "info"), note("p1", team("platform"), "bad"), note("b", user("bob"), "good"),
		note("p2", team("platform"), "info"), note("o", team("other"), "info"), note("n", user("platform"), "info")} {
		notify(t, s, n)
	}
	if n := mark(t, s, alice, "p1", true); n.Read == nil {
		t.Error("it is not marked")
	}
	for _, test := range []struct {
		q    NoticeQuery
		want string
	}{
		{NoticeQuery{Reader: alice}, "p2 p1 a"},
		{NoticeQuery{Reader: bob}, "p2 b p1"},
		{NoticeQuery{Reader: alice, Unread: true}, "p2 a"},
		{NoticeQuery{Reader: bob, Unread: true}, "p2 b p1"},
		{NoticeQuery{Reader: bob, Level: "bad"}, "p1"},
		{NoticeQuery{Reader: alice, Level: "bad", Unread: true}, ""},
		{NoticeQuery{Reader: bob, Limit: 2}, "p2 b"},
		{NoticeQuery{Reader: Reader{Person: "operator", All: true}}, "n o p2 b p1 a"},
		{NoticeQuery{Reader: Reader{Person: "nobody"}}, ""},
	} {
		if got := ids(t, s, test.q); got != test.want {
			t.Errorf("%+v lists %q, want %q", test.q, got, test.want)
		}
	}
	want := UnreadCount{Unread: 2, Levels: map[string]int{"info": 2}, Inboxes: []InboxCount{
		{Inbox: team("platform"), Unread: 1, Notices: 2}, {Inbox: user("alice"), Unread: 1, Notices: 1}}}
	if diff := cmp.Diff(want, unread(t, s, alice)); diff != "" {
		t.Error(diff)
	}
	if n := unread(t, s, bob).Unread; n != 3 {
		t.Errorf("bob has %d unread", n)
	}

	first := mark(t, s, alice, "p1", true).Read
	if again := mark(t, s, alice, "p1", true).Read; !again.Equal(*first) {
		t.Errorf("it was read at %v and at %v", first, again)
	}
	if n := mark(t, s, alice, "p1", false); n.Read != nil || unread(t, s, alice).Unread != 3 {
		t.Error("it is not unread again")
	}
	for _, strange := range []string{"o", "b", "never"} {
		if _, err := s.Mark(t.Context(), alice, strange, true); !errors.Is(err, ErrNotFound) {
			t.Errorf("alice has marked %s: %v", strange, err)
		}
		if _, err := s.Notice(t.Context(), alice, strange); !errors.Is(err, ErrNotFound) {
			t.Errorf("alice sees %s: %v", strange, err)
		}
	}
	if n := rows(t, s, "notice_read"); n != 0 {
		t.Errorf("%d marks", n)
	}
	for _, bad := range []NoticeQuery{{Level: "loud"}, {Before: "!"}} {
		if _, err := s.Notices(t.Context(), bad); !errors.Is(err, ErrBadQuery) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestMarkAll(t *testing.T) {
	s := open(t, temp(t))
	alice, bob := reader("alice", "platform"), reader("bob", "platform")
	for i := range 3 {
		notify(t, s, note(fmt.Sprint("p", i), team("platform"), "info"))
		notify(t, s, note(fmt.Sprint("b", i), user("bob"), "info"))
	}
	mark(t, s, alice, "p0", true)
	if n, err := s.MarkAll(t.Context(), alice, "p1"); n != 1 || err != nil {
		t.Errorf("marked %d, %v", n, err)
	}
	if got := ids(t, s, NoticeQuery{Reader: alice, Unread: true}); got != "p2" {
		t.Errorf("left are %q", got)
	}
	if n, err := s.MarkAll(t.Context(), bob, ""); n != 6 || err != nil {
		t.Errorf("marked %d, %v", n, err)
	}
	if n, err := s.MarkAll(t.Context(), bob, ""); n != 0 || err != nil {
		t.Errorf("marked %d, %v", n, err)
	}
	if _, err := s.MarkAll(t.Context(), alice, "b1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("up to what alice does not see: %v", err)
	}
	if n, err := s.MarkAll(t.Context(), Reader{Person: "nobody"}, ""); n != 0 || err != nil {
		t.Errorf("marked %d, %v", n, err)
	}
}

// A full inbox loses its oldest notices, with their marks, and counts them; others lose
// nothing.
func TestFullInbox(t *testing.T) {
	s := open(t, temp(t))
	alice := reader("alice", "platform")
	notify(t, s, note("t", team("platform"), "info"))
	notify(t, s, note("first", user("alice"), "info"))
	mark(t, s, alice, "first", true)
	const over = 30
	notices(t, s, user("alice"), InboxKeeps+over-1)
	u := unread(t, s, alice)
	want := []InboxCount{{team("platform"), 1, 1, 0}, {user("alice"), InboxKeeps, InboxKeeps, over}}
	if diff := cmp.Diff(want, u.Inboxes); diff != "" {
		t.Error(diff)
	}
	if n := rows(t, s, "notice"); n != InboxKeeps+1 {
		t.Errorf("%d rows", n)
	}
	if n := rows(t, s, "notice_read"); n != 0 {
		t.Errorf("%d marks of what is gone", n)
	}
	accounted(t, s)

	// All of it in pages, each notice once.
	seen := map[string]bool{}
	for q := (NoticeQuery{Reader: alice, Limit: 300}); ; {
		list, err := s.Notices(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			if seen[n.ID] {
				t.Fatalf("%s is listed twice", n.ID)
			}
			seen[n.ID] = true
			q.Before = n.Cursor
		}
		if len(list) < q.Limit {
			break
		}
	}
	if len(seen) != InboxKeeps+1 || seen["first"] {
		t.Errorf("%d are listed", len(seen))
	}
	if n, err := s.MarkAll(t.Context(), alice, ""); n != InboxKeeps+1 || err != nil {
		t.Errorf("marked %d, %v", n, err)
	}
}

// notices puts n into an inbox, many at a time.
func notices(t *testing.T, s *Store, in Inbox, n int) {
	t.Helper()
	next := make(chan int)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := range next {
				if added, err := s.Notify(context.Background(), note(fmt.Sprint(in, i), in, "info")); err != nil || !added {
					t.Error(added, err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// accounted checks what is counted of each inbox against its rows.
func accounted(t testing.TB, s *Store) {
	t.Helper()
	var wrong, orphans int
	if err := s.read.QueryRowContext(t.Context(), `SELECT
		(SELECT count(*) FROM inbox i WHERE n <> (SELECT count(*) FROM notice WHERE inbox = i.id)
			OR bytes <> (SELECT coalesce(sum(size), 0) FROM notice WHERE inbox = i.id)),
		(SELECT count(*) FROM notice_read r WHERE NOT EXISTS (SELECT 1 FROM notice WHERE seq = r.notice))`).Scan(&wrong, &orphans); err != nil {
		t.Fatal(err)
	}
	if wrong+orphans > 0 {
		t.Errorf("%d inboxes are miscounted, %d marks of nothing", wrong, orphans)
	}
}

// Notices go when they are as old as events are kept, unread ones too, and those of a
// younger time stay.
func TestRetentionOfNotices(t *testing.T) {
	s := open(t, temp(t))
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	alice := reader("alice")
	notices(t, s, user("alice"), 2*deletes+10)
	mark(t, s, alice, fmt.Sprint(user("alice"), 3), true)
	tidied(t, s, time.Now().Add(59*time.Minute))
	if n := unread(t, s, alice).Inboxes[0].Notices; n != 2*deletes+10 {
		t.Errorf("%d are left", n)
	}
	tidied(t, s, time.Now().Add(61*time.Minute))
	if diff := cmp.Diff(UnreadCount{Levels: map[string]int{}, Inboxes: []InboxCount{{Inbox: user("alice")}}}, unread(t, s, alice)); diff != "" {
		t.Error(diff)
	}
	accounted(t, s)
	before := ""
	notify(t, s, note("young", user("alice"), "info"))
	list, err := s.Notices(t.Context(), NoticeQuery{Reader: alice})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d, %v", len(list), err)
	}
	if before = list[0].Cursor; before <= writeCursor(2*deletes) && len(before) <= len(writeCursor(2*deletes)) {
		t.Errorf("the number of one that is gone was given out again: %s", before)
	}
}

// Where the store is full of notices, those go; what is still to be delivered stays.
func TestNoticesMakeRoom(t *testing.T) {
	s := open(t, temp(t))
	waits := accept(t, s, push("waits", "a", "ci")).IDs[0]
	for i := range 40 {
		n := note(fmt.Sprint(i), user(fmt.Sprint("u", i)), "info")
		n.Text = strings.Repeat("x", 64<<10)
		notify(t, s, n)
	}
	s.Keep(Retention{Age: time.Hour, Size: 1 << 20})
	tidied(t, s, time.Now())
	if n := rows(t, s, "notice"); n >= 40 {
		t.Errorf("%d are left", n)
	}
	if gone(t, s, waits) {
		t.Error("what waits is gone")
	}
	accounted(t, s)
}

// While notices come and are marked from all sides, what is unread is never more than there
// is, and in the end just what nobody marked.
func TestUnreadUnderConcurrency(t *testing.T) {
	s := open(t, temp(t))
	people := []Reader{reader("alice", "platform"), reader("bob", "platform"), reader("carol", "platform")}
	const each = 60
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range each {
				if _, err := s.Notify(context.Background(), note(fmt.Sprint(w, "-", i), team("platform"), "info")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for p, r := range people[:2] {
		all.Go(func() {
			for range each {
				if p == 0 {
					if _, err := s.MarkAll(context.Background(), r, ""); err != nil {
						t.Error(err)
					}
				}
				u, err := s.Unread(context.Background(), r)
				if err != nil || len(u.Inboxes) > 0 && (u.Unread != u.Inboxes[0].Unread || u.Unread > u.Inboxes[0].Notices || u.Unread != u.Levels["info"]) {
					t.Errorf("%+v, %v", u, err)
				}
			}
		})
	}
	all.Wait()
	if _, err := s.MarkAll(t.Context(), people[0], ""); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 4 * each, 4 * each} {
		if got := unread(t, s, people[i]).Unread; got != want {
			t.Errorf("%s has %d unread, want %d", people[i].Person, got, want)
		}
	}
	var marking sync.WaitGroup // the same by all at once, and each another one
	for i := range 4 * each {
		marking.Go(func() {
			if _, err := s.Mark(context.Background(), people[1], fmt.Sprint(i%4, "-", i/4), i%3 > 0); err != nil {
				t.Error(err)
			}
		})
		marking.Go(func() {
			if _, err := s.Mark(context.Background(), people[2], "0-0", true); err != nil {
				t.Error(err)
			}
		})
	}
	marking.Wait()
	for i, want := range []int{0, 4 * each / 3, 4*each - 1} {
		if got := unread(t, s, people[i]).Unread; got != want {
			t.Errorf("%s has %d unread, want %d", people[i].Person, got, want)
		}
	}
	accounted(t, s)
}

// Whoever reads the inbox for long keeps nobody from writing.
func TestReaderOfInboxHoldsNobodyUp(t *testing.T) {
	s := open(t, temp(t))
	notify(t, s, note("one", user("alice"), "info"))
	tx, err := s.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, _, err := s.inboxes(t.Context(), tx, Reader{All: true}); err != nil {
		t.Fatal(err)
	}
	notify(t, s, note("two", user("alice"), "info"))
	accept(t, s, push("p", "a", "ci"))
	mark(t, s, reader("alice"), "two", true)
	if u := unread(t, s, reader("alice")); u.Unread != 1 {
		t.Errorf("%+v", u)
	}
}

func TestBackupHasTheInbox(t *testing.T) {
	s := open(t, file(t))
	notify(t, s, note("one", user("alice"), "info"))
	notify(t, s, note("two", user("alice"), "info"))
	mark(t, s, reader("alice"), "one", true)
	r := open(t, backup(t, s))
	if got := ids(t, r, NoticeQuery{Reader: reader("alice"), Unread: true}); got != "two" {
		t.Errorf("unread is %q", got)
	}
	if notify(t, r, note("two", user("alice"), "info")) {
		t.Error("a copy has forgotten what it has told")
	}
}

// Several bellbuoys that share a store share its inboxes.
func TestInboxIsShared(t *testing.T) {
	stores := several(t, database(t), 2)
	added := make(chan bool, 2)
	for _, s := range stores {
		go func() {
			ok, err := s.Notify(context.Background(), note("one", team("platform"), "info"))
			if err != nil {
				t.Error(err)
			}
			added <- ok
		}()
	}
	if first, second := <-added, <-added; first == second {
		t.Error("it was not kept by one of them alone")
	}
	mark(t, stores[0], reader("alice", "platform"), "one", true)
	if n := unread(t, stores[1], reader("alice", "platform")).Unread; n != 0 {
		t.Errorf("%d unread", n)
	}
}
