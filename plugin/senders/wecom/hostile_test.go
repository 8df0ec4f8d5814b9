package wecom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose is text, and none of WeCom's markup: no mention, link, colour or
// code, whether it is read as WeCom does, which has no escapes, or as others read markdown.
func TestHostileNames(t *testing.T) {
	const template = "**{{.actor.name}}** [x](https://own.example/)\n{{.repository.full_name}}\n\n{{join `, ` .artifact.tags}}\n\n> {{.build.error}}"
	own := chattest.Markdown{Heading: 4, Element: regexp.MustCompile(`</font>|<font color="(info|comment|warning)">`)}
	links := regexp.MustCompile(`(?m)\[(Open|x)\]\(https?://(?:\[[0-9a-f:.]+\])?[^()\[\]<> ]*\)|^>( |$)|\*\*`)
	chattest.Hostile(t, New, target("https://qyapi.weixin.qq.com"), template, func(m chattest.Made) error {
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var n note
		if err := dec.Decode(&n); err != nil {
			return err
		}
		content := n.Markdown.Content
		if n.Type != "markdown" || content == "" || len(content) > 4096 {
			return fmt.Errorf("%s of %d bytes", n.Type, len(content))
		}
		rest := own.Element.ReplaceAllString(links.ReplaceAllString(content, ""), "")
		if strings.ContainsAny(rest, "<>[]`*") || strings.Contains(rest, "://") {
			return errors.New("what is markup is not all ours")
		}
		return own.Read(m, content)
	})
}

// Names as they are look as they are.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"prod/my_app:v1.2.3-rc.1+build": "prod/my_app:v1.2.3-rc.1+build",
		"sha256:5f5f & more":            "sha256:5f5f & more",
		"_x_ a__b _ y_":                 "＿x＿ a＿＿b ＿ y＿",
		"<@zhangsan> <@all>":            "＜@zhangsan＞ ＜@all＞",
		"&lt;@bob&gt; &copy":            "＆lt;@bob＆gt; &copy",
		"**x** `y`":                     "＊＊x＊＊ ｀y｀",
		"[x](https://x.example)":        "［x］(https:∕∕x.example)",
		"# x":                           "＃ x",
		" - x":                          " ‐ x",
		"12. x":                         "12． x",
		"1) x":                          "1） x",
		"1.25":                          "1.25",
		`\*`:                            "＼＊",
		"a  b":                          "a b",
	} {
		if got := escape(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
