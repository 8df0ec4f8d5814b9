package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// told is a world with five notices: two for a team, and others for alice, bob and another
// team, the oldest first.
func told(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for i, n := range []struct{ kind, name, level string }{
		{"team", "platform", "info"}, {"user", "alice", "bad"}, {"user", "bob", "info"}, {"team", "platform", "bad"}, {"team", "other", "info"},
	} {
		_, err := w.store.Notify(t.Context(), store.Notice{ID: fmt.Sprint("n", i), Inbox: store.Inbox{Kind: n.kind, Name: n.name}, Level: n.level,
			Title: "<b>\u202e", Event: fmt.Sprint("e", i), Type: "artifact.pushed", Target: "bell"})
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// listed are the ids at a path, and the query of the next page.
func (w *world) listed(query string) (ids, next string) {
	w.t.Helper()
	var list []store.Notice
	rec := w.get("/api/v1/inbox?"+query, &list)
	for _, n := range list {
		ids += n.ID + " "
	}
	next, _, _ = strings.Cut(strings.TrimPrefix(rec.Header().Get("Link"), "</api/v1/inbox?"), ">")
	return strings.TrimSpace(ids), next
}

func TestInbox(t *testing.T) {
	w := told(t)
	for query, want := range map[string]string{
		"":                             "n4 n3 n2 n1 n0",
		"user=alice":                   "n3 n1 n0",
		"user=bob":                     "n3 n2 n0",
		"user=bob&level=bad":           "n3",
		"user=alice&unread=true":       "n3 n1 n0",
		"user=alice&level=good":        "",
		"user=nobody&unread=false":     "n3 n0",
		"unread=1&level=info&limit=50": "n4 n2 n0",
	} {
		if got, next := w.listed(query); got != want || next != "" {
			t.Errorf("%q lists %q, next %q; want %q", query, got, next, want)
		}
	}
	var pages []string
	for query := "user=alice&limit=2"; query != ""; {
		var ids string
		ids, query = w.listed(query)
		pages = append(pages, ids)
	}
	if diff := cmp.Diff([]string{"n3 n1", "n0"}, pages); diff != "" {
		t.Error(diff)
	}
	rec := ask(w, "GET", "/api/v1/inbox?user=alice&limit=1", nil)
	if want := `"level":"bad","title":"<b>` + "\u202e" + `","facts":[],"event":"e3","type":"artifact.pushed","target":"bell","read":null}]`; !strings.Contains(rec.Body.String(), want) {
		t.Errorf("%s lacks %s", rec.Body, want)
	}
}

// What a member of a team has read, another has not.
func TestMarks(t *testing.T) {
	w := told(t)
	var n store.Notice
	answered(t, w, "/api/v1/inbox/n3/read", `{"user":"alice"}`, &n)
	if n.ID != "n3" || n.Read == nil {
		t.Errorf("got %+v", n)
	}
	unread := func(user string) (u store.UnreadCount) {
		t.Helper()
		w.get("/api/v1/inbox/unread?user="+user, &u)
		return u
	}
	want := store.UnreadCount{Unread: 2, Levels: map[string]int{"bad": 1, "info": 1}, Inboxes: []store.InboxCount{
		{Inbox: store.Inbox{Kind: "team", Name: "platform"}, Unread: 1, Notices: 2}, {Inbox: store.Inbox{Kind: "user", Name: "alice"}, Unread: 1, Notices: 1}}}
	if diff := cmp.Diff(want, unread("alice")); diff != "" {
		t.Error(diff)
	}
	if u := unread("bob"); u.Unread != 3 || unread("").Unread != 5 {
		t.Errorf("bob has %+v", u)
	}
	answered(t, w, "/api/v1/inbox/n3/unread", `{"user":"alice"}`, &n)
	if n.Read != nil || unread("alice").Unread != 3 {
		t.Errorf("got %+v", n)
	}
	var marked struct{ Marked int }
	for _, test := range []struct {
		body string
		want int
		left int // of the operator
	}{{`{"user":"alice","up_to":"n1"}`, 2, 5}, {`{"user":"alice"}`, 1, 5}, {`{"up_to":"n2"}`, 3, 2}, {`{}`, 2, 0}, {`{}`, 0, 0}} {
		if answered(t, w, "/api/v1/inbox/read", test.body, &marked); marked.Marked != test.want || unread("").Unread != test.left {
			t.Errorf("%s marked %d, %d are left", test.body, marked.Marked, unread("").Unread)
		}
	}
	if u := unread("bob"); u.Unread != 3 {
		t.Errorf("bob has %+v", u)
	}
	w.get("/api/v1/inbox/n0?user=bob", &n)
	if n.ID != "n0" || n.Read != nil || unread("bob").Unread != 3 {
		t.Errorf("to look at it has marked it: %+v", n)
	}
}

func TestInboxRefused(t *testing.T) {
	w := told(t)
	for _, test := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"GET", "/api/v1/inbox?level=loud", "", 400, `bad query: level "loud" is none of [info good warning bad]`},
		{"GET", "/api/v1/inbox?unread=maybe", "", 400, `unread: "maybe" is wrong: it is neither true nor false`},
		{"GET", "/api/v1/inbox?usr=alice", "", 400, `there is no filter "usr"; there are user, unread, level, limit, before`},
		{"GET", "/api/v1/inbox?user=%1b[31m", "", 400, "user: write a name in one line of at most 200 bytes"},
		{"GET", "/api/v1/inbox?limit=0", "", 400, `limit: "0" is wrong: expected number >= 1`},
		{"GET", "/api/v1/inbox?before=!", "", 400, `bad query: cursor "!" is not one of ours`},
		{"GET", "/api/v1/inbox/unread?level=bad", "", 400, `there is no filter "level"; there are user`},
		{"GET", "/api/v1/inbox/n2?user=alice", "", 404, `there is no notice "n2" in an inbox that alice reads`},
		{"GET", "/api/v1/inbox/never", "", 404, `there is no notice "never" in an inbox that operator reads`},
		{"GET", "/api/v1/inbox/n1/read", "", 405, "takes POST only"},
		{"POST", "/api/v1/inbox", "{}", 405, "takes GET only"},
		{"POST", "/api/v1/inbox/unread", "{}", 405, "takes GET only"},
		{"POST", "/api/v1/inbox/n1", "{}", 405, "takes GET only"},
		{"POST", "/api/v1/inbox/n2/read", `{"user":"alice"}`, 404, `there is no notice "n2" in an inbox that alice reads`},
		{"POST", "/api/v1/inbox/n4/unread", `{"user":"bob"}`, 404, `there is no notice "n4"`},
		{"POST", "/api/v1/inbox/read", `{"up_to":"n2","user":"alice"}`, 404, `there is no notice "n2"`},
		{"POST", "/api/v1/inbox/read", `{"upto":"n2"}`, 400, "upto: there is no such field"},
		{"POST", "/api/v1/inbox/n1/read", `[]`, 400, "no JSON object"},
	} {
		rec := send(w, test.path, test.body)
		if test.method == "GET" {
			rec = ask(w, "GET", test.path, nil)
		}
		if rec.Code != test.status || rec.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(strings.ReplaceAll(rec.Body.String(), `\"`, `"`), test.detail) {
			t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, rec.Code, rec.Body)
		}
	}
}
