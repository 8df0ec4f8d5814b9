package access

import "testing"

func TestMay(t *testing.T) {
	for _, c := range []struct {
		id   Identity
		noun string
		need Role
		want bool
	}{
		{Identity{}, "events", Viewer, false},
		{Identity{Role: "root"}, "events", Viewer, false},
		{Identity{Role: Viewer}, "events", Viewer, true},
		{Identity{Role: Viewer}, "events", Editor, false},
		{Identity{Role: Admin}, "tokens", Editor, true},
		{Identity{Role: Editor, Scopes: []string{}}, "events", Viewer, false},
		{Identity{Role: Editor, Scopes: []string{"events:read"}}, "events", Viewer, true},
		{Identity{Role: Editor, Scopes: []string{"events:read"}}, "targets", Viewer, false},
		{Identity{Role: Editor, Scopes: []string{"targets:read"}}, "targets", Editor, false},
		{Identity{Role: Editor, Scopes: []string{"targets:write"}}, "targets", Viewer, true},
		{Identity{Role: Editor, Scopes: []string{"targets:write"}}, "targets", Editor, true},
		{Identity{Role: Viewer, Scopes: []string{"targets:write"}}, "targets", Editor, false},
		{Identity{Role: Viewer, Scopes: []string{"*:read"}}, "events", Viewer, true},
		{Identity{Role: Admin, Scopes: []string{"*:write"}}, "tokens", Admin, true},
	} {
		if got := c.id.May(c.noun, c.need); got != c.want {
			t.Errorf("%+v may with %s what needs %s: %v, want %v", c.id, c.noun, c.need, got, c.want)
		}
	}
}
