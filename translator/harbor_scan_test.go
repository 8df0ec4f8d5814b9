package translator_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// scanned is the body of a scan's event with that report.
func scanned(typ, kind, overview string) string {
	body := about(typ, `"digest":"`+digestOf+`",`+overview)
	if kind != "" {
		body = strings.Replace(body, `"event_data":{`, `"event_data":{"scan":{"scan_type":"`+kind+`"},`, 1)
	}
	return body
}

func report(fields string) string {
	return `"scan_overview":{"application/vnd.security.vulnerability.report; version=1.1":{` + fields + `}}`
}

func TestHarborScanThatFindsSomethingIsTwoEvents(t *testing.T) {
	_, got := harborCaptures(t, "scan-vulnerability")
	if !slices.Equal(types(got), []event.Type{event.ScanCompleted, event.VulnerabilityFound}) {
		t.Fatalf("%v", types(got))
	}
	scan, found := got[0], got[1]
	counts := map[event.Severity]int{event.SeverityCritical: 1, event.SeverityHigh: 1, event.SeverityLow: 1}
	if scan.Status != event.Succeeded || scan.Scan.Kind != event.ScanVulnerability || scan.Scan.Severity != event.SeverityCritical ||
		!maps.Equal(scan.Scan.Counts, counts) || *scan.Scan.Total != 3 || *scan.Scan.Fixable != 2 || scan.Origin != event.OriginNative {
		t.Errorf("scan = %s", dumpEvent(t, scan))
	}
	v := found.Vulnerability
	if v == nil || v.ID != "" || v.Severity != event.SeverityCritical || !maps.Equal(v.Counts, counts) || found.Origin != event.OriginDerived || found.Scan != nil || found.Status != "" {
		t.Errorf("found = %s", dumpEvent(t, found))
	}
	if scan.ID == found.ID || scan.ID == "" || found.ID == "" {
		t.Errorf("ids %q and %q, want two", scan.ID, found.ID)
	}
	byDefault, _ := harborCaptures(t, "scan-vulnerability")
	if byDefault[0].ID != "" || byDefault[1].ID != "" {
		t.Error("events without a native id have ids")
	}
}

func TestHarborFindings(t *testing.T) {
	tests := []struct {
		name, typ, kind, overview string
		severity                  event.Severity // of what is found; none: nothing is
		native                    string
	}{
		{"nothing found", "SCANNING_COMPLETED", "vulnerability", report(`"severity":"None","summary":{"total":0,"fixable":0,"summary":{}}`), "", ""},
		{"no summary but the worst", "SCANNING_COMPLETED", "vulnerability", report(`"severity":"High","summary":null`), event.SeverityHigh, ""},
		{"failed", "SCANNING_FAILED", "vulnerability", report(`"severity":"High","summary":{"total":1}`), "", ""},
		{"stopped", "SCANNING_STOPPED", "vulnerability", report(`"severity":"","summary":null`), "", ""},
		{"before 2.11", "SCANNING_COMPLETED", "", report(`"severity":"Low","summary":{"total":1,"summary":{"Low":1}}`), event.SeverityLow, ""},
		{"no severity", "SCANNING_COMPLETED", "vulnerability", report(`"severity":"","summary":{"total":2,"summary":{"Low":1,"High":1}}`), event.SeverityHigh, ""},
		{"a total only", "SCANNING_COMPLETED", "vulnerability", report(`"summary":{"total":2}`), event.SeverityUnknown, ""},
		{"a word of its own", "SCANNING_COMPLETED", "vulnerability", report(`"severity":"Odd","summary":{"total":2,"summary":{"Odd":2}}`), event.SeverityUnknown, "Odd"},
		{"an SBOM", "SCANNING_COMPLETED", "sbom", `"sbom_overview":{"sbom_digest":"sha256:1"}`, "", ""},
		{"a new kind of scan", "SCANNING_COMPLETED", "secrets", report(`"severity":"High","summary":{"total":1}`), "", ""},
		{"1.9 counts packages", "scanningCompleted", "", `"scan_overview":{"image_digest":"x","scan_status":"finished","severity":5,"components":{"total":20,"summary":[{"severity":5,"count":2}]}}`, event.SeverityHigh, ""},
		{"1.9 found nothing", "scanningCompleted", "", `"scan_overview":{"image_digest":"x","scan_status":"finished","severity":1,"components":{"total":20}}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fromHarbor(t, scanned(tt.typ, tt.kind, tt.overview))
			if got[0].Type != event.ScanCompleted || got[0].Scan == nil {
				t.Fatalf("first = %s", dumpEvent(t, got[0]))
			}
			if want := tt.severity != ""; len(got) == 2 != want {
				t.Fatalf("%v, want findings: %t", types(got), want)
			}
			if len(got) == 2 && (got[1].Vulnerability.Severity != tt.severity || got[1].Vulnerability.NativeSeverity != tt.native) {
				t.Errorf("found = %+v", got[1].Vulnerability)
			}
		})
	}
}

func TestHarborScanKind(t *testing.T) {
	tests := []struct {
		name, kind, overview string
		want                 event.ScanKind
		status               string
	}{
		{"said", "sbom", `"sbom_overview":{"scan_status":"Error"}`, event.ScanSBOM, "Error"},
		{"to be seen", "", `"sbom_overview":{"scan_status":"Success"}`, event.ScanSBOM, "Success"},
		{"new", "secrets", report(`"scan_status":"Success"`), "", "Success"},
		{"neither", "", `"tag":"x"`, "", ""},
		{"the generic report goes first", "", `"scan_overview":{"application/a":{"scan_status":"A"},"application/vnd.security.vulnerability.report; version=1.1":{"scan_status":"B"},"x":null}`, event.ScanVulnerability, "B"},
		{"1.9", "", `"scan_overview":{"scan_status":"finished","severity":5}`, event.ScanVulnerability, "finished"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fromHarbor(t, scanned("SCANNING_COMPLETED", tt.kind, tt.overview))[0].Scan
			if s.Kind != tt.want || s.Status != tt.status {
				t.Errorf("scan = %+v", s)
			}
		})
	}
}
