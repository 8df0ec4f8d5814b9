package plugintest

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	typeName   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
	formatName = regexp.MustCompile(`^[a-z0-9-]{0,64}$`)
)

// describe: the description stays the same, and the host can go by it.
func (k *kit) describe(t *testing.T) {
	d, err := k.sender.Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v: it is the first call and must work without network, files or options", err)
	}
	again, err := k.sender.Describe(t.Context())
	if err != nil || !reflect.DeepEqual(d, again) {
		t.Errorf("Describe does not say the same twice: %+v, then %+v, %v", d, again, err)
	}
	k.desc = d
	if !typeName.MatchString(d.Type) {
		t.Errorf("the type %q is not one that a config can name: lower-case letters, digits and dashes", d.Type)
	}
	if d.Version == "" || len(d.Version) > 128 {
		t.Errorf("the version %q is shown to people: 1 to 128 bytes", d.Version)
	}
	s, err := parseSchema(d.Options)
	if err != nil {
		t.Fatalf("the options of the description are no JSON Schema: %v", err)
	}
	if !slices.Contains([]string{"", "repository", "none"}, d.Defaults.Order) {
		t.Errorf("the default order %q is neither repository nor none", d.Defaults.Order)
	}
	if r := d.Defaults.Rate; d.Defaults.Concurrency < 0 || d.Defaults.DigestAfter < 0 || r.Sends < 0 || r.Sends > 0 && (r.Per < time.Millisecond || r.Per > 24*time.Hour) {
		t.Errorf("defaults out of bounds: %+v", d.Defaults)
	}
	if !formatName.MatchString(d.Defaults.Format) {
		t.Errorf("the default format %q is none that bellbuoy has", d.Defaults.Format)
	}
	for _, secret := range d.Secrets {
		if !s.has(strings.Split(secret, ".")) {
			t.Errorf("the secret option %q is none that the schema has", secret)
		}
		if !slices.ContainsFunc(k.good(), func(o string) bool { return len(valuesAt(decode(o), strings.Split(secret, "."))) > 0 }) {
			t.Errorf("none of the Target's Options and More has a value for the secret option %q: the kit cannot see that it is masked", secret)
		}
	}
}

// has says whether there may be an option at path.
func (s schema) has(path []string) bool {
	if len(path) == 0 {
		return true
	}
	var next any
	switch properties := s.properties(); {
	case path[0] == "*":
		if next = s["items"]; next == nil {
			next = s["additionalProperties"]
		}
	default:
		next = properties[path[0]]
	}
	if next == true {
		return true
	}
	m, ok := next.(map[string]any)
	return ok && schema(m).has(path[1:])
}

// valuesAt are the texts at path, where * is any key or item.
func valuesAt(v any, path []string) (found []string) {
	if len(path) == 0 {
		if s, ok := v.(string); ok && len(s) >= 8 {
			found = append(found, s)
		}
		return found
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if path[0] == "*" || path[0] == key {
				found = append(found, valuesAt(value, path[1:])...)
			}
		}
	case []any:
		for i, value := range v {
			if path[0] == "*" || path[0] == strconv.Itoa(i) {
				found = append(found, valuesAt(value, path[1:])...)
			}
		}
	}
	return found
}

// decode reads JSON that is known to be good; what is not is nil.
func decode(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return nil
	}
	return v
}

// secretsOf are the values in options that must not be shown.
func (k *kit) secretsOf(options string) []string {
	found := slices.Clone(k.target.Secrets)
	for _, path := range k.desc.Secrets {
		found = append(found, valuesAt(decode(options), strings.Split(path, "."))...)
	}
	return slices.DeleteFunc(found, func(s string) bool { return strings.Contains(s, placeholder) })
}
