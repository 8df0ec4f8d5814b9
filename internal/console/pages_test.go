package console

import "testing"

// The pages that there are can be read; what they lack is found here, and not when bellbuoy
// starts.
func TestPagesParse(t *testing.T) {
	pages := parse()
	for _, name := range []string{"overview", "events", "trace", "rules", "rule", "ruleform", "ruletext", "preview", "targets", "target",
		"targetform", "dead", "again", "inbox", "registries", "quarantine", "quarantined", "plugins", "plugin", "audit", "error"} {
		if pages[name] == nil {
			t.Errorf("there is no page %s", name)
		}
	}
}
