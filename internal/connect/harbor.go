package connect

import (
	"encoding/json"
	"fmt"
	"strings"
)

// harborEvents are all that Harbor offers to a webhook, in its own order. One that is
// named twice is delivered twice.
var harborEvents = []string{
	"PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT",
	"QUOTA_EXCEED", "QUOTA_WARNING", "REPLICATION",
	"SCANNING_COMPLETED", "SCANNING_FAILED", "SCANNING_STOPPED", "TAG_RETENTION",
}

// harborPolicy is a webhook policy as Harbor's API takes it.
type harborPolicy struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Enabled     bool           `json:"enabled"` // false where it is absent
	EventTypes  []string       `json:"event_types"`
	Targets     []harborTarget `json:"targets"`
}

type harborTarget struct {
	Type           string `json:"type"`
	Address        string `json:"address"`
	AuthHeader     string `json:"auth_header,omitempty"`
	SkipCertVerify bool   `json:"skip_cert_verify"`
	PayloadFormat  string `json:"payload_format"`
}

// harbor writes the fields of a webhook policy as comments, and a shell script that
// makes it.
func (o Options) harbor() (string, error) {
	target, list, err := o.harborTarget()
	if err != nil {
		return "", err
	}
	policy, err := json.MarshalIndent(harborPolicy{
		Name: "bellbuoy", Description: "all events to bellbuoy", Enabled: true,
		EventTypes: harborEvents, Targets: []harborTarget{target},
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write Harbor's policy: %w", err)
	}

	var b strings.Builder
	fmt.Fprintf(&b, `# For the Harbor that bellbuoy knows as %q: a webhook policy in each project whose
# events are wanted. Harbor has none for all projects.
%s#
# By hand, in the project's tab Webhooks, New Webhook:
#
#   Name            bellbuoy
#   Notify Type     http
#   Payload Format  %s
#   Event Type      all of them
#   Endpoint URL    %s
#   Auth Header     %s
#
`, o.Registry.Name, o.secretNote(list), target.PayloadFormat, target.Address, orNone(target.AuthHeader))
	if o.Plain {
		b.WriteString("# With CloudEvents as the format, a notification that Harbor repeats has the same id, and\n# is stored once.\n#\n")
	}
	if o.loopback() {
		b.WriteString("# Harbor's jobservice posts to that address. Where it runs in a container, 127.0.0.1 is the\n# container itself: name bellbuoy with --url.\n#\n")
	}
	fmt.Fprintf(&b, `# Or with Harbor's API, as a user who administers the project; curl asks for the
# password. Change these, or set them before:

HARBOR=${HARBOR:-https://harbor.example.com}
PROJECT=${PROJECT:-library}
HARBOR_USER=${HARBOR_USER:-admin}

curl -fsS -u "$HARBOR_USER" -H 'X-Is-Resource-Name: true' -H 'Content-Type: application/json' \
  "$HARBOR/api/v2.0/projects/$PROJECT/webhook/policies" -d %s
`, quote(string(policy)))
	return b.String(), nil
}

func orNone(s string) string {
	if s == "" {
		return "(empty)"
	}
	return s
}
