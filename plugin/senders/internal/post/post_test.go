package post

import (
	"net/url"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// A name that stands for such an address gets as far as the dial.
func TestMetadataServicesAreOutOfReach(t *testing.T) {
	c := New("1")
	t.Cleanup(c.CloseIdle)
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "100.100.100.200", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"} {
		receipt, err := c.Send(t.Context(), Request{URL: &url.URL{Scheme: "http", Host: host}}, ByStatus)
		if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || receipt.Scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), "egress denied") {
			t.Errorf("%s: %+v, %q, %v", host, v, receipt.Scope, err)
		}
	}
}
