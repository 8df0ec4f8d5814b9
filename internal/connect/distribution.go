package connect

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
)

// distribution writes a part of the registry's config.yml. All of it is YAML.
func (o Options) distribution() (string, error) {
	list, err := o.choose("Distribution", "{bearer: {file: PATH}}", func(a config.Auth) bool { return a.ClientCA == nil })
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Put this into the config.yml of the registry that bellbuoy knows as %q, and
# restart the registry.
%snotifications:
  events:
    includereferences: true # tells an image from a chart, a signature, an SBOM
  endpoints:
    - name: bellbuoy
      url: %s
`, o.Registry.Name, o.secretNote(list), yamlText(o.url(o.pathSecret(list))))
	headers := o.headers(list)
	if headers != "" {
		b.WriteString("      # The registry prints these in its log, and on its debug port.\n      headers:\n" + headers)
	}
	b.WriteString(`      timeout: 5s # with the unit: a bare 5 is five nanoseconds
      threshold: 5
      backoff: 1s
      # What nobody wants to hear of need not be sent:
      # ignore:
      #   mediatypes: [application/octet-stream] # layers and configs
      #   actions: [pull]
# There are deletes to tell of only where the registry allows them:
# storage: {delete: {enabled: true}}
`)
	return b.String(), nil
}

// headers writes those that show list. Each value is a list: with a bare string the
// registry does not start.
func (o Options) headers(list config.AuthList) string {
	var b strings.Builder
	for _, a := range list {
		if v, ok := o.authorization(a); ok {
			fmt.Fprintf(&b, "        Authorization: [%s]\n", yamlText(v))
		} else if a.Header != nil {
			fmt.Fprintf(&b, "        %s: [%s]\n", yamlText(a.Header.Name), yamlText(o.shown(a.Header.Value)))
		}
	}
	return b.String()
}

// plainYAML is text that YAML takes for nothing else: it begins with a letter, is longer
// than the words that have a meaning, and has no colon that ends a key.
var plainYAML = regexp.MustCompile(`^[A-Za-z](?:[A-Za-z0-9 /._~-]|:[A-Za-z0-9/._~-]){5,}$`)

// yamlText writes s as YAML, in quotes where it needs them.
func yamlText(s string) string {
	if plainYAML.MatchString(s) {
		return s
	}
	return strconv.QuoteToASCII(s) // what a header or a URL can hold has no other escapes than YAML
}
