package dialect

import (
	"strconv"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// acrSaid is what events of ACR hold beside what they are about, in the keys by which it
// was read there. Of other registries' events nothing is told so, since the vendor does
// not document these keys.
type acrSaid struct {
	ChainInstanceID string    `json:"ChainInstanceId,omitempty"`
	Chain           *acrChain `json:"Chain,omitempty"`
	ScanService     string    `json:"ScanService,omitempty"`
	Critical        string    `json:"CriticalSeverity,omitempty"`
	High            string    `json:"HighSeverity,omitempty"`
	Medium          string    `json:"MediumSeverity,omitempty"`
	Low             string    `json:"LowSeverity,omitempty"`
	Unknown         string    `json:"UnknownSeverity,omitempty"`
	Total           string    `json:"TotalSeverity,omitempty"`
	From            *acrImage `json:"ImageFrom,omitempty"`
	To              *acrImage `json:"ImageTo,omitempty"`
	Issue           string    `json:"TaskIssue,omitempty"`
}

type acrChain struct {
	ID      string `json:"ChainId,omitempty"`
	Name    string `json:"ChainName,omitempty"`
	Version string `json:"Version,omitempty"`
}

type acrImage struct {
	InstanceID string `json:"InstanceId,omitempty"`
	RegionID   string `json:"RegionId,omitempty"`
	Namespace  string `json:"RepoNamespaceName,omitempty"`
}

func acrSaidOf(e *event.Event) *acrSaid {
	said := acrSaid{}
	if c := e.DeliveryChain; c != nil {
		said.ChainInstanceID = c.InstanceID
		if chain := (acrChain{c.ID, c.Name, c.Version}); chain != (acrChain{}) {
			said.Chain = &chain
		}
	}
	if s := e.Scan; s != nil {
		if s.Scanner != nil {
			said.ScanService = s.Scanner.Name
		}
		said.Critical, said.High = acrCount(s, event.SeverityCritical), acrCount(s, event.SeverityHigh)
		said.Medium, said.Low = acrCount(s, event.SeverityMedium), acrCount(s, event.SeverityLow)
		said.Unknown = acrCount(s, event.SeverityUnknown)
		if s.Total != nil {
			said.Total = strconv.Itoa(*s.Total)
		}
	}
	if r := e.Replication; r != nil {
		said.From, said.To, said.Issue = acrImageOf(r.Source), acrImageOf(r.Destination), r.Message
	}
	return &said
}

func acrCount(s *event.Scan, severity event.Severity) string {
	n, ok := s.Counts[severity]
	if !ok {
		return ""
	}
	return strconv.Itoa(n)
}

func acrImageOf(end *event.ReplicationEnd) *acrImage {
	if end == nil {
		return nil
	}
	return &acrImage{end.Registry, end.Region, end.Namespace}
}
