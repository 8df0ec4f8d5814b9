package post

import (
	"net/url"
	"testing"
)

func TestWhatIsSecretIsMasked(t *testing.T) {
	for in, want := range map[string]string{
		"https://h/p": "https://h/p",
		"https://user:pass@h:8080/p%20q/?a=1&b&c=": "https://***@h:8080/p%20q/?a=***&***&c=***",
		"http://token@h?x":                         "http://***@h?***",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := MaskURL(u); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
	u, err := url.Parse("https://user:passw0rd@h/?key=s%2Fcret")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMask(append(SecretsOf(u), "Bearer t0ken", "abc")...)
	got := m.Text("user passw0rd s%2Fcret s/cret key=s%2Fcret Bearer t0ken t0ken abc")
	if want := "*** *** *** *** *** *** *** abc"; got != want {
		t.Errorf("masked: %s, want %s", got, want)
	}
	got = m.And(`a"b/<c>`, "t0ken2").Text(`a"b/<c> a\"b/<c> a\"b/\u003cc\u003e t0ken2 t0ken dXNlcjpwYXNzdzByZA== passw0rd`)
	if want := "*** *** *** *** *** *** ***"; got != want {
		t.Errorf("masked more: %s, want %s", got, want)
	}
	if got := (*Mask)(nil).And("t0ken").Text("a t0ken"); got != "a ***" {
		t.Errorf("masked by no more than that: %s", got)
	}
	if got := (*Mask)(nil).Text("as it is"); got != "as it is" {
		t.Errorf("no mask: %s", got)
	}
}
