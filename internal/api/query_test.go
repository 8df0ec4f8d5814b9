package api

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestFilter(t *testing.T) {
	got, err := Filter{
		Type: "artifact.pushed", Registry: "hub", Repository: "prod/api", Tag: "1.4+2", Digest: "sha256:ab",
		NativeID: "n1", Rule: "r", Target: "ci", Since: "3d", Until: "2026-03-01T12:30:00+01:00",
	}.query(noon)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Query{
		Type: "artifact.pushed", Registry: "hub", Repository: "prod/api", Tag: "1.4+2", Digest: "sha256:ab",
		NativeID: "n1", Rule: "r", Target: "ci",
		Since: noon.Add(-72 * time.Hour), Until: time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err := (Filter{}).query(noon); err != nil || got != (store.Query{}) {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}

// The link to the next page asks the same question, its times fixed.
func TestNextAsksTheSame(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		w.accept("{}", nil, pushed(n, "ci"))
	}
	query := url.Values{
		"type": {"artifact.pushed"}, "registry": {"hub"}, "repository": {"prod/<api>"}, "rule": {"all"}, "target": {"ci"},
		"outcome": {"waiting"}, "since": {"876000h"}, "until": {"1ms"}, "limit": {"1"},
	}
	var list []struct{ ID string }
	var seen []string
	for target, pages := "/api/v1/events?"+query.Encode(), 0; target != ""; pages++ {
		if pages > 3 {
			t.Fatal("there is always a next page")
		}
		link := w.get(target, &list).Header().Get("Link")
		for _, e := range list {
			seen = append(seen, e.ID)
		}
		if target, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">"); target == "" {
			break
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		next := u.Query()
		for name, value := range query {
			switch got := next.Get(name); name {
			case "since", "until":
				if _, err := time.Parse(time.RFC3339Nano, got); err != nil {
					t.Errorf("%s is not fixed: %v", name, err)
				}
			default:
				if got != value[0] {
					t.Errorf("the next page asks for %s %q", name, got)
				}
			}
		}
		if next.Get("before") == "" {
			t.Errorf("the next page is the first: %s", target)
		}
	}
	if len(seen) != 3 {
		t.Errorf("seen are %v", seen)
	}
}

func TestQueryFaults(t *testing.T) {
	w := newWorld(t)
	for raw, want := range map[string][]string{
		"typ=artifact.pushed":   {`there is no filter "typ"`, "native_id"},
		"tag=a&tag=b":           {"tag: it is given 2 times"},
		"tag=%zz":               {"the query cannot be read"},
		"tag=a;b":               {"the query cannot be read"},
		"type=push":             {`type: "push" is none of artifact.pushed, `},
		"outcome=failed":        {`outcome: "failed" is none of waiting, parked, delivered`},
		"since=yesterday":       {`since: "yesterday" is neither`},
		"since=-1h":             {`since: "-1h" is neither`},
		"until=3.5d":            {`until: "3.5d" is neither`},
		"until=99999999d":       {`until: "99999999d" is neither`},
		"since=1h&until=2h":     {"since: it is later than until"},
		"limit=0":               {`limit: "0" is wrong: expected number >= 1`},
		"limit=1001":            {`limit: "1001" is wrong: expected number <= 1000`},
		"limit=ten":             {`limit: "ten" is wrong: it is no whole number`},
		"type=push&limit=0":     {"type: ", "limit: "},
		"since=x&until=y&tag=z": {"since: ", "until: "},
		"before=%20":            {"cursor"},
	} {
		// Not by its URL: httptest refuses some of these.
		r := httptest.NewRequest("GET", "/api/v1/events", nil)
		r.Host, r.RemoteAddr, r.URL.RawQuery = "127.0.0.1:5081", "127.0.0.1:40000", raw
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != 400 {
			t.Errorf("%s: %d", raw, rec.Code)
			continue
		}
		for _, part := range want {
			wantProblem(t, rec, part)
		}
	}
	if store.DefaultLimit != 50 || store.MaxLimit != 1000 || store.MaxRunLimit != 1000000 {
		t.Error("the tags of Limited and againRequest say other limits than the store has")
	}
}
