package wire

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/bellbuoy/bellbuoy/plugin"
)

var sameNetwork = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// A restriction is not lost on the way, and what cannot be read allows nothing.
func TestEgressCrosses(t *testing.T) {
	for _, e := range []plugin.Egress{
		{},
		{Restricted: true},
		{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}},
	} {
		var m, back Delivery
		m.fill(&plugin.Delivery{ID: "d1", Egress: e})
		b, err := proto.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back.read().Egress, sameNetwork); diff != "" {
			t.Errorf("delivery: %s", diff)
		}
		c, err := writeCheck("webhook", plugin.Check{Egress: e})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, readCheck(c).Egress, sameNetwork); diff != "" {
			t.Errorf("check: %s", diff)
		}
	}
	got := readEgress(&Egress{Allow: []string{"everything", "", "10.0.0.0/33", "10.0.0.0/8"}})
	if !got.Restricted || len(got.Allow) != 1 || got.Allow[0].String() != "10.0.0.0/8" {
		t.Errorf("read: %+v", got)
	}
	for _, p := range []string{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "255.255.255.255/32"} {
		if n := proto.Size(writeEgress(plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix(p)}})); n > maxNetwork {
			t.Errorf("%s takes %d bytes", p, n)
		}
	}
	many := plugin.Delivery{Egress: plugin.Egress{Restricted: true, Allow: make([]netip.Prefix, maxAside/maxNetwork+1)}}
	if _, err := checkSize(&many); err == nil || !strings.Contains(err.Error(), "allowed networks") {
		t.Errorf("too many networks: %v", err)
	}
}
