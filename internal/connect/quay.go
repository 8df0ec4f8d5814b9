package connect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
)

// quayEvent is an event that Quay has notifications for.
type quayEvent struct {
	name string
	what string // as Quay's page calls it
	// keys are those of its body beside the common ones.
	keys []string
	// config narrows it; Quay takes none as all, but for the days.
	config map[string]any
	// organization: it is of a whole organization and not of a repository.
	organization bool
}

// quayEvents are all that Quay has. A body has no key that tells which it is.
var quayEvents = []quayEvent{
	{name: "repo_push", what: "Push to Repository", keys: []string{"updated_tags"}},
	{name: "repo_mirror_sync_started", what: "Repository Mirror Started", keys: []string{"message"}},
	{name: "repo_mirror_sync_success", what: "Repository Mirror Success", keys: []string{"message"}},
	{name: "repo_mirror_sync_failed", what: "Repository Mirror Unsuccessful", keys: []string{"message"}},
	{name: "vulnerability_found", what: "Package Vulnerability Found", keys: []string{"tags", "vulnerability", "vulnerable_index_report_created"}},
	{name: "build_queued", what: "Dockerfile Build Queued", keys: append(buildKeys(), "repo", "is_manual", "manual_user", "trigger_manual")},
	{name: "build_start", what: "Dockerfile Build Started", keys: buildKeys()},
	{name: "build_success", what: "Dockerfile Build Successfully Completed", keys: append(buildKeys(), "manifest_digests", "image_id")},
	{name: "build_failure", what: "Dockerfile Build Failed", keys: append(buildKeys(), "error_message")},
	{name: "build_cancelled", what: "Docker Build Cancelled", keys: append(buildKeys(), "image_id")},
	{name: "repo_image_expiry", what: "Image expiry trigger", keys: []string{"notification_uuid", "tags", "expiring_in"}, config: map[string]any{"days": 7}},
	{name: "quota_warning", what: "Quota Warning", keys: quotaKeys(), organization: true},
	{name: "quota_error", what: "Quota Error", keys: quotaKeys(), organization: true},
}

func buildKeys() []string {
	return []string{"build_id", "build_name", "docker_tags", "trigger_id", "trigger_kind", "trigger_metadata"}
}

func quotaKeys() []string {
	return []string{"threshold_percent", "usage_bytes", "limit_bytes", "usage_percent", "usage_bytes_formatted", "limit_bytes_formatted"}
}

// common are the keys of every body.
func (e quayEvent) common() []string {
	if e.organization {
		return []string{"namespace", "homepage"}
	}
	return []string{"repository", "namespace", "name", "docker_url", "homepage"}
}

// template is a POST template that makes the same body, with the event's name added.
// What a body does not have becomes null.
func (e quayEvent) template() string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"event": %q`, e.name)
	for _, key := range append(e.common(), e.keys...) {
		fmt.Fprintf(&b, `, %q: "${%s}"`, key, key)
	}
	return b.String() + "}"
}

// quayNotification is a notification as Quay's API takes it.
type quayNotification struct {
	Event       string         `json:"event"`
	Method      string         `json:"method"`
	Config      quayConfig     `json:"config"`
	EventConfig map[string]any `json:"eventConfig"`
	Title       string         `json:"title"`
}

type quayConfig struct {
	URL      string `json:"url"`
	Template string `json:"template,omitempty"`
}

// quay writes a URL for each event as comments, and a shell script that makes the
// notifications.
func (o Options) quay() (string, error) {
	secret, list, err := o.quaySecret()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# For the Quay that bellbuoy knows as %q: a notification for each event, in each\n# repository whose events are wanted; those of quotas in each organization.\n", o.Registry.Name)
	if secret != "" {
		b.WriteString(o.secretNote(list))
	}
	if slices.ContainsFunc(list, func(a config.Auth) bool { return a.ClientCA != nil }) {
		b.WriteString("# Quay shows its own certificate, ssl.cert, where its config has PREFERRED_URL_SCHEME: https.\n")
	}
	if o.loopback() {
		b.WriteString("#\n# WARNING: Quay refuses URLs with localhost or 127.0.0.1. Name bellbuoy with --url as Quay\n# reaches it by another name.\n")
	}
	b.WriteString("#\n# By hand, in the repository's Settings, Events and Notifications, Create Notification, with\n# the method Webhook POST:\n#\n")
	var calls strings.Builder
	for _, e := range quayEvents {
		n := o.quayNotification(e, secret)
		if o.Template {
			fmt.Fprintf(&b, "#   %s\n#     %s\n#     %s\n", e.what, n.Config.URL, n.Config.Template)
		} else {
			fmt.Fprintf(&b, "#   %-39s  %s\n", e.what, n.Config.URL)
		}
		body, err := json.Marshal(n)
		if err != nil {
			return "", fmt.Errorf("write Quay's notification: %w", err)
		}
		of := "repository/$REPOSITORY/notification/"
		if e.organization {
			of = "organization/$ORGANIZATION/notifications"
		}
		fmt.Fprintf(&calls, "notify %q %s\n", of, quote(string(body)))
	}
	b.WriteString(`#
# Leave out what your Quay does not have. Or with Quay's API and a token that administers the
# repository (scope repo:admin), for quotas the organization. Change these, or set them before:

QUAY=${QUAY:-https://quay.example.com}
REPOSITORY=${REPOSITORY:-namespace/name}
ORGANIZATION=${ORGANIZATION:-namespace}

notify() {
  curl -fsS "$QUAY/api/v1/$1" -H "Authorization: Bearer ${QUAY_TOKEN:?is not set}" -H 'Content-Type: application/json' -d "$2"
}

` + calls.String())
	return b.String(), nil
}
