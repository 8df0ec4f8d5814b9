package options

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// What a group must have is missing only where the group is there; its schema says the same.
func TestMissingWithinAGroup(t *testing.T) {
	type target struct{ user, password string }
	table := Table[target]{Of: "a test", Example: "{}", Groups: map[string]string{"auth.basic": "by name"}, Fields: []Field[target]{
		{Name: "auth.basic.user", Missing: "name the user", Into: func(t *target) Value { return Text(&t.user) }},
		{Name: "auth.basic.password", Secret: true, Into: func(t *target) Value { return Text(&t.password) }},
	}}
	for raw, want := range map[string][]plugin.Fault{
		`{}`:                      nil,
		`{"auth":null}`:           nil,
		`{"auth":{}}`:             nil,
		`{"auth":{"basic":null}}`: nil,
		`{"auth":{"basic":{}}}`:   {{Path: "auth.basic.user", Message: "is missing; name the user"}},
		`{"auth":{"basic":"x"}}`:  {{Path: "auth.basic", Message: "is not a group of options; it has user and password"}},
		`{"auth":{"basic":{"usr":"x"}}}`: {
			{Path: "auth.basic.usr", Message: `unknown option "auth.basic.usr"; did you mean "auth.basic.user"?`},
			{Path: "auth.basic.user", Message: "is missing; name the user"}},
	} {
		if _, got := table.Read(json.RawMessage(raw), plugin.Egress{}); !cmp.Equal(want, got) {
			t.Errorf("%s: %s", raw, cmp.Diff(want, got))
		}
	}
	var schema struct {
		Required   []string
		Properties struct {
			Auth struct {
				Required   []string
				Properties struct {
					Basic struct {
						Description string
						Required    []string
					}
				}
			}
		}
	}
	if err := json.Unmarshal(table.sheet(new(target)).schema(), &schema); err != nil {
		t.Fatal(err)
	}
	if schema.Required != nil || schema.Properties.Auth.Required != nil || !cmp.Equal(schema.Properties.Auth.Properties.Basic.Required, []string{"user"}) ||
		schema.Properties.Auth.Properties.Basic.Description != "by name" {
		t.Errorf("schema: %s", table.sheet(new(target)).schema())
	}
	if got := table.sheet(new(target)).secrets(); !cmp.Equal(got, []string{"auth.basic.password"}) {
		t.Errorf("secrets: %q", got)
	}
}

// A URL that names an address is judged by what its target may reach.
func TestURLOfARestrictedTarget(t *testing.T) {
	type target struct{ url *url.URL }
	table := Table[target]{Of: "a test", Example: "{}", Fields: []Field[target]{
		{Name: "url", Into: func(t *target) Value { return URL(&t.url) }},
	}}
	inside := plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range []struct {
		host   string
		egress plugin.Egress
		fault  bool
	}{
		{"10.1.2.3", plugin.Egress{}, false}, {"10.1.2.3", inside, false}, {"10.1.2.3", plugin.Egress{Restricted: true}, true}, {"0x7f.1", inside, true}, {"0x7f.1", plugin.Egress{}, false},
		{"0xa9fea9fe", plugin.Egress{}, true}, {"0xa9fea9fe", inside, true}, {"localhost", inside, false}, {"8.8.8.8", plugin.Egress{Restricted: true}, false},
	} {
		_, faults := table.Read(json.RawMessage(`{"url":"http://`+c.host+`"}`), c.egress)
		if (len(faults) > 0) != c.fault {
			t.Errorf("%s for %+v: %v", c.host, c.egress, faults)
		}
	}
}
