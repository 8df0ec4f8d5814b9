package console

import (
	"encoding/json"
	"net/url"
	"reflect"
	"testing"
)

// sent is what a browser sends of a form as it was shown.
func sent(f ruleForm) url.Values {
	v := url.Values{
		"name": {f.Name}, "description": {f.Description}, "events": f.Events, "other_events": {f.OtherEvents}, "registries": f.Registries,
		"namespaces": {f.Namespaces}, "repositories": {f.Repositories}, "tag_by": {f.TagBy}, "tag": {f.Tag}, "tag_except": {f.TagExcept},
		"kinds": f.Kinds, "actors_except": {f.ActorsExcept}, "severity": {f.Severity}, "ref": {f.Ref}, "where": {f.Where},
		"expires_in": {f.ExpiresIn}, "deliver": f.Deliver,
	}
	for name, on := range map[string]bool{"enabled": f.Enabled, "untagged": f.Untagged, "quiet": f.Quiet} {
		if on {
			v.Set(name, "yes")
		}
	}
	return v
}

// A rule that is shown in a form and saved as it was shown is the same rule.
func TestRuleThroughAForm(t *testing.T) {
	for _, body := range []string{
		`{"name":"all","enabled":true,"deliver":["ci"]}`,
		`{"name":"off","enabled":false,"deliver":[]}`,
		`{"name":"prod-releases","description":"生产发布","enabled":true,"events":["artifact.pushed","scan.completed=failed","retention.completed"],
		  "scope":{"registries":["hub"],"namespaces":["prod"],"repositories":["prod/{api, web}/**","!**/tmp"]},
		  "tag":{"regex":"release-v.*","untagged":"match"},"kinds":["image","chart"],"actors":{"except":{"glob":["robot$*"]}},
		  "severity":"high","ref":{"glob":["refs/heads/main"]},"expires_in":"168h","where":"event.artifact.size > 1e9","noise":"quiet","deliver":["ops","ci"]}`,
		`{"name":"tags","enabled":true,"tag":{"list":["latest","stable"],"except":{"glob":["*-rc*"]}},"deliver":["ci"]}`,
		`{"name":"globs","enabled":true,"tag":{"glob":["1.*","2.*"]},"deliver":["ci"]}`,
	} {
		f, ok := formOf([]byte(body))
		if !ok {
			t.Errorf("no form for %s", body)
			continue
		}
		if got := readRule(sent(f)).body(); !same(t, got, []byte(body)) {
			t.Errorf("got  %s\nwant %s", got, body)
		}
	}
}

// What a rule may say in another way is the same in the form.
func TestRuleInShort(t *testing.T) {
	long, _ := formOf([]byte(`{"name":"r","enabled":true,"tag":{"glob":["1.*"]},"deliver":["ci"]}`))
	for _, short := range []string{
		`{"name":"r","tag":"1.*","deliver":["ci"]}`,
		`{"name":"r","tag":["1.*"],"deliver":[{"target":"ci"}]}`,
		`{"name":"r","tag":{"glob":"1.*"},"deliver":["ci"]}`,
	} {
		if f, ok := formOf([]byte(short)); !ok || !reflect.DeepEqual(f, long) {
			t.Errorf("%s: %v %+v", short, ok, f)
		}
	}
}

// A rule that says more than a form has fields for is not shown in one: what it says would
// be lost.
func TestRuleThatNoFormHolds(t *testing.T) {
	for _, body := range []string{
		`{"name":"r","deliver":[{"target":"ci","format":"tcr"}]}`,
		`{"name":"r","actors":{"regex":"a.*"},"deliver":["ci"]}`,
		`{"name":"r","actors":["alice"],"deliver":["ci"]}`,
		`{"name":"r","ref":{"regex":"refs/heads/main"},"deliver":["ci"]}`,
		`{"name":"r","tag":{"except":{"regex":"a"}},"deliver":["ci"]}`,
		`{"name":"r","tag":{"glob":["a"],"except":{"glob":["b"],"except":{"glob":["c"]}}},"deliver":["ci"]}`,
		`{"name":"r","noise":"all","deliver":["ci"]}`,
		`{"name":"r","newer":true,"deliver":["ci"]}`,
	} {
		if f, ok := formOf([]byte(body)); ok {
			t.Errorf("%s is shown as %+v", body, f)
		}
	}
}

func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var va, vb any
	if err := json.Unmarshal(a, &va); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vb); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(va, vb)
}
