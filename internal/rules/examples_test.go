package rules

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
)

// The full example says in its comments what its rules do: they do it.
func TestFullExample(t *testing.T) {
	for _, name := range []string{"HUB_TOKEN", "HUB_TOKEN_NEXT", "OPS_TOKEN", "DEPLOY_TOKEN", "OIDC_SECRET", "CI_TOKEN", "CI_SECRET", "DINGTALK_SECRET", "FEISHU_SECRET", "HIPCHAT_TOKEN", "FLOWDOCK_TOKEN", "SMTP_PASSWORD"} {
		t.Setenv(name, name+"-s3cret-s3cret")
	}
	for _, name := range []string{"DINGTALK_URL", "FEISHU_URL", "WECOM_URL", "SLACK_URL", "TEAMS_URL", "DISCORD_URL"} {
		t.Setenv(name, "https://host.example/hook/webhooks/1/t0ken?access_token=s3cret&key=s3cret&sig=s3cret")
	}
	t.Setenv("NTFY_URL", "ntfy://host.example/topic")
	c, faults := config.Load(filepath.Join("..", "..", "examples", "bellbuoy.full.yml"), config.Known{})
	set, more := FromConfig(c)
	if all := faults.Merge(more); len(all) > 0 {
		t.Fatal(all)
	}
	for repository, want := range map[string][]string{
		"prod/api/server": {"prod-releases", "everything"},
		"prod/web":        {"prod-releases", "everything"},
		"prod/api/tmp":    {"everything"},
		"prod/db":         {"everything"},
		"dev/api/server":  {"everything"},
	} {
		if got := matched(set, pushed("hub", repository, "release-v1")); !slices.Equal(got, want) {
			t.Errorf("%s matches %q, want %q", repository, got, want)
		}
		if got := matched(set, pushed("hub", repository, "v1")); !slices.Equal(got, []string{"everything"}) {
			t.Errorf("%s with another tag matches %q", repository, got)
		}
	}
}
