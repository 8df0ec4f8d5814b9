package dialect

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// acrType: what ACR tells by EventBridge: what has been completed. Pulls and deletes have
// no word there.
func acrType(t event.Type) string {
	switch t {
	case event.BuildSucceeded, event.BuildFailed, event.BuildCanceled:
		return "cr:Artifact:BuildCompleted"
	case event.ReplicationSucceeded, event.ReplicationFailed, event.ReplicationCanceled:
		return "cr:Artifact:SynchronizationCompleted"
	case event.ScanCompleted:
		return "cr:Artifact:ScanCompleted"
	case event.ArtifactSigned:
		return "cr:Artifact:SigningCompleted"
	case event.DeliveryChainCompleted:
		return "cr:Artifact:DeliveryChainCompleted"
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached:
		return "cr:Artifact:PushCompleted"
	}
	return ""
}

// acrEvent has no subject: the last part of ACR's means nothing that is known.
type acrEvent struct {
	ID          string  `json:"id"`
	Source      string  `json:"source"`
	SpecVersion string  `json:"specversion"`
	Type        string  `json:"type"`
	ContentType string  `json:"datacontenttype"`
	Time        string  `json:"time"`
	Data        acrData `json:"data"`
	Region      string  `json:"aliyunregionid,omitempty"`
}

// acrData has the seven keys that say what an event is about and one for the outcome.
// The vendor says this of builds; of the others it is taken to be alike, and no more than
// that is told but of what ACR itself has said.
type acrData struct {
	InstanceID   string `json:"InstanceId,omitempty"`
	InstanceName string `json:"InstanceName,omitempty"`
	RegionID     string `json:"RegionId,omitempty"`
	BuildType    string `json:"RepoBuildType,omitempty"`
	BuildStatus  string `json:"BuildStatus,omitempty"`
	SyncStatus   string `json:"SynchronizationStatus,omitempty"`
	ScanStatus   string `json:"ScanStatus,omitempty"`
	SignStatus   string `json:"SigningStatus,omitempty"`
	ChainStatus  string `json:"DeliveryChainStatus,omitempty"`
	RepoID       string `json:"RepoId,omitempty"`
	Namespace    string `json:"RepoNamespaceName,omitempty"`
	Name         string `json:"RepoName,omitempty"`
	Tag          string `json:"Tag,omitempty"`

	*acrSaid
}

func acr(e *event.Event, word string, _ json.RawMessage) (Message, error) {
	const of = "ACR"
	a := acrEvent{
		ID: e.ID, Source: "acs.cr", SpecVersion: "1.0", Type: word, ContentType: "application/json",
		Time: e.Time.In(china()).Format(time.RFC3339Nano), Region: e.Registry.Region,
	}
	if isACR(e) && e.Native.ID != "" && e.Origin == event.OriginNative {
		a.ID = e.Native.ID
	}
	a.Data = acrIdentity(e)
	if isACR(e) {
		a.Data.acrSaid = acrSaidOf(e)
	}
	switch {
	case e.Type == event.DeliveryChainCompleted:
		a.Data.ChainStatus = acrStatus(e.Status)
		return inCloudEvents(a)
	case fullName(e) == "":
		return Message{}, lacks(of, e, "a repository")
	}
	switch {
	case e.Build != nil:
		a.Data.BuildType, a.Data.BuildStatus = e.Build.Kind, acrStatus(e.Status)
		if a.Data.Tag == "" && len(e.Build.Tags) > 0 {
			a.Data.Tag = e.Build.Tags[0]
		}
		if a.Data.Tag == "" {
			return Message{}, lacks(of, e, "a tag")
		}
	case e.Replication != nil:
		a.Data.SyncStatus = acrStatus(e.Status)
	case e.Scan != nil:
		if e.Status == event.Stopped || e.Scan.Kind == event.ScanSBOM {
			return Message{}, &NoWord{"ACR has no word for a scan that was stopped or made an SBOM"}
		}
		a.Data.ScanStatus = acrStatus(e.Status)
		switch {
		case isACR(e) && e.Scan.Status != "":
			a.Data.ScanStatus = e.Scan.Status
		case e.Status == event.Succeeded:
			a.Data.ScanStatus = "COMPLETE" // the word of the product's API for scans
		}
	case e.Type == event.ArtifactSigned:
		a.Data.SignStatus = acrStatus(e.Status)
		if isPush(e) {
			a.Data.Tag = "" // that of the signature, and ACR names what is signed
		}
	case a.Data.Tag == "":
		return Message{}, lacks(of, e, "a tag")
	}
	return inCloudEvents(a)
}

// acrIdentity says what e is about. An instance is named by its number where the
// registry is one of ACR's, and else by its name in bellbuoy's config.
func acrIdentity(e *event.Event) acrData {
	d := acrData{InstanceName: e.Registry.InstanceName, RegionID: e.Registry.Region, Tag: tagOf(e)}
	if isACR(e) {
		d.InstanceID = e.Registry.Instance
	} else if d.InstanceName == "" {
		d.InstanceName = e.Registry.Name
	}
	if r := e.Repository; r != nil {
		d.RepoID, d.Namespace, d.Name = r.ID, r.Namespace, r.Name
	}
	return d
}

// isACR reports whether e is ACR's own.
func isACR(e *event.Event) bool {
	return e.Registry.Type == "acr" || strings.HasPrefix(e.Native.Type, "cr:Artifact:")
}

func acrStatus(s event.Status) string {
	switch s {
	case event.Succeeded:
		return "SUCCESS"
	case event.Failed:
		return "FAILED"
	case event.Canceled:
		return "CANCELED"
	case event.Denied:
		return "DENIED"
	}
	return ""
}

// china is the zone of ACR's clocks, whichever the region.
func china() *time.Location { return time.FixedZone("CST", 8*3600) }
