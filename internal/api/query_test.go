package api

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestReadQuery(t *testing.T) {
	got, err := readQuery("type=artifact.pushed&registry=hub&repository=prod/api&tag=1.4%2B2&digest=sha256:ab"+
		"&native_id=n1&rule=r&target=ci&outcome=dead&since=3d&until=2026-03-01T12:30:00%2B01:00&limit=7&before=c1", noon)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Query{
		Type: "artifact.pushed", Registry: "hub", Repository: "prod/api", Tag: "1.4+2", Digest: "sha256:ab",
		NativeID: "n1", Rule: "r", Target: "ci", Outcome: "dead",
		Since: noon.Add(-72 * time.Hour), Until: time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC),
		Limit: 7, Before: "c1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReadQueryOfNothing(t *testing.T) {
	got, err := readQuery("", noon)
	if err != nil || got != (store.Query{Limit: 50}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The link to the next page asks the same question, its times fixed.
func TestNextAsksTheSame(t *testing.T) {
	q, err := readQuery("id=h&type=tag.deleted&registry=a&repository=b&tag=c&digest=d&native_id=e&rule=f&target=g&outcome=waiting&since=90m&until=1ms&limit=3", noon)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readQuery(next(q, "cursor"), noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	q.Before = "cursor"
	if d := cmp.Diff(q, got); d != "" {
		t.Error(d)
	}
	values, err := url.ParseQuery(next(q, "cursor"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filters() {
		if values.Get(f) == "" {
			t.Errorf("the next page loses %s", f)
		}
	}
}

func TestReadQueryFaults(t *testing.T) {
	for raw, want := range map[string][]string{
		"typ=artifact.pushed":   {`there is no filter "typ"`, "native_id"},
		"tag=a&tag=b":           {"tag: it is given 2 times"},
		"tag=%zz":               {"the query cannot be read"},
		"tag=a;b":               {"the query cannot be read"},
		"type=push":             {`type: there is no event type "push"`},
		"outcome=failed":        {`outcome: "failed" is none of waiting, parked, delivered`},
		"since=yesterday":       {`since: "yesterday" is neither`},
		"since=-1h":             {`since: "-1h" is neither`},
		"until=3.5d":            {`until: "3.5d" is neither`},
		"until=99999999d":       {`until: "99999999d" is neither`},
		"since=1h&until=2h":     {"since: it is later than until"},
		"limit=0":               {`limit: "0" is not a number from 1 to 1000`},
		"limit=1001":            {`limit: "1001" is not`},
		"limit=ten":             {`limit: "ten" is not`},
		"type=push&limit=0":     {"type: ", "limit: "},
		"since=x&until=y&tag=z": {"since: ", "until: "},
	} {
		_, err := readQuery(raw, noon)
		if err == nil {
			t.Errorf("%s: no error", raw)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", raw, err, w)
			}
		}
	}
}
