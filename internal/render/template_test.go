package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func fill(t testing.TB, source, data string) string {
	t.Helper()
	p, err := parseTemplate(source)
	if err != nil {
		t.Fatalf("template %s: %v", source, err)
	}
	out, err := p.fill(json.RawMessage(data))
	if err != nil {
		t.Fatalf("template %s: %v", source, err)
	}
	return string(out)
}

// As Quay fills its templates in.
func TestTemplate(t *testing.T) {
	for _, c := range []struct{ template, data, want string }{
		{`{}`, `{}`, `{}`},
		{` [1.50, true, null, {"a": "b"}] `, `{}`, `[1.50,true,null,{"a":"b"}]`},
		{`"hello"`, `{}`, `"hello"`},

		// One expression keeps its type.
		{`{"hello": "${thing}"}`, `{"thing": 1234}`, `{"hello":1234}`},
		{`"${thing}"`, `{"thing": {"b": [1, "x"], "a": false}}`, `{"b":[1,"x"],"a":false}`},
		{`["${a}", "${b}", "${c}"]`, `{"a": true, "b": null}`, `[true,null,null]`},
		{`{"hello": "${first.second.third}"}`, `{"first": {"second": {"third": 42}}}`, `{"hello":42}`},
		{`{"hello": "${first.doesnotexist.third}"}`, `{"first": {"second": 1}}`, `{"hello":null}`},
		{`{"hello": "${first[2]}"}`, `{"first": [1, 2]}`, `{"hello":null}`},
		{`"${a[*].b}"`, `{"a": [{"b": 1}, {"b": "x"}, {}]}`, `[1,"x"]`},
		{`"${a[*].b}"`, `{"a": [{"b": 1}]}`, `1`},

		// Within a longer text.
		{`{"hello": "cool-${thing}"}`, `{"thing": "beans"}`, `{"hello":"cool-beans"}`},
		{`"${a} is the answer"`, `{"a": 42}`, `"42 is the answer"`},
		{`"hey-${first[2]}"`, `{"first": [1, 2]}`, `"hey-(none)"`},
		{`"x ${a}"`, `{"a": null}`, `"x (none)"`},
		{`"${tags} pushed"`, `{"tags": ["v1", "latest"]}`, `"v1,latest pushed"`},
		{`"${tags} pushed"`, `{"tags": ["v1"]}`, `"['v1'] pushed"`},
		{`"${tags} pushed"`, `{"tags": []}`, `"[] pushed"`},
		{`"${tags[*]} pushed"`, `{"tags": ["v1"]}`, `"v1 pushed"`},
		{`"${a}, ${b}"`, `{"a": true, "b": false}`, `"True, False"`},
		{`"it is ${o}"`, `{"o": {"b": ["it's", null, "\"", 1.5], "a": "é\n\u0001"}}`, `"it is {'b': [\"it's\", None, '\"', 1.5], 'a': 'é\\n\\x01'}"`},
		{`"${n} of it"`, `{"n": [1, true, "a"]}`, `"1,True,a of it"`},

		// Keys, too.
		{`{"${a}": 1, "x-${a}": 2}`, `{"a": "k"}`, `{"k":1,"x-k":2}`},
		{`{"a": 1, "${a}": 2}`, `{"a": "a"}`, `{"a":2}`},
		{`{"${a}": 1, "${b}": 2}`, `{"b": 7}`, `{"null":1,"7":2}`},

		// What is no expression.
		{`["${", "$a", "}", "$${a}"]`, `{"a": "x"}`, `["${","$a","}","$x"]`},
		{`"<b> & ${a}"`, `{"a": "<i>"}`, `"<b> & <i>"`},
		{`"${a}"`, `{"a": "${b}", "b": 1}`, `"${b}"`},
	} {
		if got := fill(t, c.template, c.data); got != c.want {
			t.Errorf("%s\n with %s\n  is %s\nwant %s", c.template, c.data, got, c.want)
		}
	}
}

// What Quay's own code has made of templates and one of its events, and whether it takes
// them; the only difference is where it fails to send.
func TestTemplateIsQuays(t *testing.T) {
	const data = `{"repository": "devtable/simple", "namespace": "devtable", "name": "simple", "docker_url": "quay.example.com/devtable/simple",
		"homepage": "https://quay.example.com/repository/devtable/simple", "tags": ["latest", "v1.0"], "vulnerability": {"id": "CVE-2024-3094",
		"description": "xz backdoor", "link": "https://nvd.nist.gov/vuln/detail/CVE-2024-3094", "priority": "Critical", "has_fix": true}}`
	const vulnerability = `{"id": "CVE-2024-3094", "description": "xz backdoor", "link": "https://nvd.nist.gov/vuln/detail/CVE-2024-3094", "priority": "Critical", "has_fix": true}`
	for what, c := range map[string]struct{ template, want string }{
		"any root: a string":                        {`"${repository}"`, `"devtable/simple"`},
		"any root: a list":                          {`["${docker_url}"]`, `["quay.example.com/devtable/simple"]`},
		"any root: a number":                        {`5`, `5`},
		"an object's keys":                          {`{"${name}": 1}`, `{"simple": 1}`},
		"only an expression, a text":                {`{"a": "${vulnerability.priority}"}`, `{"a": "Critical"}`},
		"only an expression, a list":                {`{"c": "${tags}"}`, `{"c": ["latest", "v1.0"]}`},
		"only an expression, an object":             {`{"d": "${vulnerability}"}`, `{"d": ` + vulnerability + `}`},
		"only an expression, a bool":                {`{"d": "${vulnerability.has_fix}"}`, `{"d": true}`},
		"only an expression, missing":               {`{"e": "${missing}"}`, `{"e": null}`},
		"only an expression, an item":               {`{"g": "${tags[0]}"}`, `{"g": "latest"}`},
		"only an expression, all items":             {`{"h": "${tags[*]}"}`, `{"h": ["latest", "v1.0"]}`},
		"only an expression, from the root":         {`{"j": "${$.vulnerability.id}"}`, `{"j": "CVE-2024-3094"}`},
		"within a text, a text and a list":          {`"pushed ${tags} in ${name}"`, `"pushed latest,v1.0 in simple"`},
		"within a text, missing":                    {`"x ${missing} y"`, `"x (none) y"`},
		"within a text, a bool":                     {`"x ${vulnerability.has_fix}"`, `"x True"`},
		"within a text, an object":                  {`"x ${vulnerability}"`, `"x {'id': 'CVE-2024-3094', 'description': 'xz backdoor', 'link': 'https://nvd.nist.gov/vuln/detail/CVE-2024-3094', 'priority': 'Critical', 'has_fix': True}"`},
		"what is no string, is as it was":           {`{"n": 5, "l": ["${name}", true, null, 1.50]}`, `{"n": 5, "l": ["simple", true, null, 1.50]}`},
		"nothing is escaped, and nothing evaluated": {`"<${name}> & {{.}} #if"`, `"<simple> & {{.}} #if"`},
		"several with one that is no text, which Quay does not send": {`{"a": "x ${vulnerability.*} y"}`,
			`{"a": "x CVE-2024-3094,xz backdoor,https://nvd.nist.gov/vuln/detail/CVE-2024-3094,Critical,True y"}`},
	} {
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(c.want)); err != nil {
			t.Fatal(err)
		}
		if got := fill(t, c.template, data); got != want.String() {
			t.Errorf("%s: %s\n  is %s\nwant %s", what, c.template, got, want.String())
		}
	}
	for source, taken := range map[string]bool{
		`{`: false, ``: false, `{"a": "${}"}`: false, `{"a": "${x[}"}`: false, `{"a": "${tags[0]}"}`: true, `"${no.such}"`: true, `[]`: true,
	} {
		p, err := parseTemplate(source)
		if err == nil {
			_, err = p.fill(json.RawMessage(`{}`)) // as Quay tries it
		}
		if taken != (err == nil) {
			t.Errorf("template %s: %v", source, err)
		}
	}
}

// Paths as jsonpath-rw reads them.
func TestPath(t *testing.T) {
	const data = `{"a": {"b": [10, 11, 12, 13], "b c": "blank", "x-y": 1}, "l": [{"n": 1}, {"n": 2, "a": {"n": 3}}], "s": "text"}`
	for source, want := range map[string]string{
		"$.a.b[0]": "10", "a.b[-1]": "13", "a.b[-5]": "null", "a.b[1:3]": "[11,12]", "a.b[:2]": "[10,11]", "a.b[2:]": "[12,13]",
		"a.b[::2]": "[10,12]", "a.b[-1:]": "13", "a.b[9:]": "null",
		"a['b c']": `"blank"`, `a."b c"`: `"blank"`, "$['a']['x-y']": "1", "a.x-y": "1", "a[b][0]": "10",
		"l[*].n": "[1,2]", "l..n": "[1,2,3]", "$..n": "[1,2,3]", "l.n": "null", "l[1].a.*": "3", "l[1].n,x": "2",
		"s | l[0].n": `["text",1]`, "nope": "null", "s[0]": "null", "s[*]": `"text"`, "s.x": "null", " a . b [ 0 ] ": "10",
		"`this`.s": `"text"`, "$.s": `"text"`, "a.b.length": "null",
	} {
		if got := fill(t, strconv.Quote("${"+source+"}"), data); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	for source, want := range map[string]string{
		"":                              "it is empty",
		"first[":                        "a bracket does not close",
		"a[0":                           "a bracket does not close",
		"a..":                           "a field's name is missing at its end",
		"a b":                           `there is "b" where it should go on`,
		"a where b":                     `there is "where b" where it should go on`,
		"a[?(@.b)]":                     `there is "?(@.b)]" where a field's name should be`,
		"a['b":                          "a quoted name does not end",
		"a[::0]":                        "a slice goes forward by 1 or more",
		"a[99999999999999999999]":       "is no position in a list",
		"a[-]":                          "is no position in a list",
		"a" + strings.Repeat(".a", 100): "it has more than 32 steps",
	} {
		if _, err := parsePath(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
}

// Whatever names the world gives, they stay values of the message.
func TestHostileNamesStayValues(t *testing.T) {
	p, err := parseTemplate(`{"text": "pushed ${artifact.tags} to ${repository.full_name} by ${actor.name}", "name": "${actor.name}", "all": "${$}", "k-${actor.name}": true}`)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringN(1, -1, -1), rapid.SampledFrom([]string{
			`","admin":true,"x":"`, "a\"}", "\\", "\\u0022", "${$}", "</script>", "\u2028", "\x00\x1f\n", "\ufffd", "'", "@all",
		})).Draw(t, "name")
		e := event.Event{
			Repository: &event.Repository{FullName: name}, Actor: &event.Actor{Name: name},
			Artifact: &event.Artifact{Tags: []string{name, name}},
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.fill(b)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if len(got) != 4 || got["k-"+name] != true {
			t.Fatalf("%q breaks out: %s", name, out)
		}
		if got["name"] != name || got["text"] != "pushed "+name+","+name+" to "+name+" by "+name {
			t.Fatalf("%q is mangled: %s", name, out)
		}
	})
}

func TestTemplateIsBounded(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	list := "[" + strings.Repeat("1,", 4000) + "1]"
	for name, c := range map[string]struct {
		template, data string
		want           error
	}{
		"a long value":             {`["${a}", "${a}", "${a}"]`, `{"a": "` + long + `"}`, errLarge},
		"a long text":              {`"${a} ${a} ${a}"`, `{"a": "` + long + `"}`, errLarge},
		"many texts":               {"[" + strings.Repeat(`"x${a}",`, 4) + `1]`, `{"a": "` + long + `"}`, errLarge},
		"the whole, over and over": {"[" + strings.Repeat(`"${$}",`, 9000) + `1]`, `{"a": "` + long + `"}`, errLarge},
		"much to look at":          {"[" + strings.Repeat(`"${$..a}",`, 200) + `1]`, `{"a": ` + list + `}`, errFound},
	} {
		p, err := parseTemplate(c.template)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.fill(json.RawMessage(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := parseTemplate(strings.Repeat("[", 65) + strings.Repeat("]", 65)); err == nil || !strings.Contains(err.Error(), "nested deeper than 64") {
		t.Errorf("a deep template: %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{"hello": "cool-${thing}"}`, `{"thing": ["a", {"b": null}]}`)
	f.Add(`"${a..b[1:2:3]|c['d e'],f}"`, `{"a": 1.5}`)
	f.Fuzz(func(t *testing.T, source, data string) {
		p, err := parseTemplate(source)
		if err != nil {
			return
		}
		out, err := p.fill(json.RawMessage(data))
		if err == nil && (!json.Valid(out) || len(out) > MaxOutput) {
			t.Errorf("%d bytes: %q", len(out), out)
		}
	})
}
