// Package event is the common event model: what every registry's notification
// becomes, and what every sender receives. The JSON of [Event] is the same bytes
// in the store, in the API and on the wire to a plugin.
//
// The model is versioned by [Event.V]. Within one version fields are only ever
// added; a reader must ignore those that it does not know.
//
// Nothing is invented: what the source does not say is absent.
package event

import "time"

// Version is the value of [Event.V] in every event that this package describes.
const Version = 1

// Event is one thing that happened in a registry, or in bellbuoy itself.
type Event struct {
	V  int    `json:"v"`  // of this model: 1
	ID string `json:"id"` // a UUID; derived from the native id where the source has one, so that a repeated notification has the same id

	Type   Type   `json:"type"`             // one of a closed list
	Status Status `json:"status,omitempty"` // of builds, scans, replications, signatures and delivery chains

	Time       time.Time  `json:"time"` // when it happened, UTC
	TimeSource TimeSource `json:"time_source"`
	Received   time.Time  `json:"received"` // when bellbuoy took it in, UTC

	Registry   Registry    `json:"registry"`
	Repository *Repository `json:"repository,omitempty"`
	Artifact   *Artifact   `json:"artifact,omitempty"`
	Actor      *Actor      `json:"actor,omitempty"`
	RequestID  string      `json:"request_id,omitempty"` // the registry's id of the client's request

	// At most one of these is there: what the type is about.

	Build         *Build         `json:"build,omitempty"`
	Scan          *Scan          `json:"scan,omitempty"`
	Vulnerability *Vulnerability `json:"vulnerability,omitempty"`
	Replication   *Replication   `json:"replication,omitempty"`
	Quota         *Quota         `json:"quota,omitempty"`
	Retention     *Retention     `json:"retention,omitempty"`
	Expiry        *Expiry        `json:"expiry,omitempty"`
	DeliveryChain *DeliveryChain `json:"delivery_chain,omitempty"`
	Target        *Target        `json:"target,omitempty"`

	// Digest has the ids of the events that a [Digest] tells of, in the order of acceptance.
	Digest   []string  `json:"digest,omitempty"`
	Digested *Digested `json:"digested,omitempty"`

	// Reason says, for [Unknown] only, which field or value was not known.
	Reason string `json:"reason,omitempty"`

	Native Native `json:"native"`
	Origin Origin `json:"origin"`
}

// Type is the kind of event: one of the closed list below.
type Type string

// The closed list of types. Those of builds, scans, replications, signatures and
// delivery chains carry a [Status]; the rest do not.
const (
	ArtifactPushed    Type = "artifact.pushed"
	ArtifactPulled    Type = "artifact.pulled"
	ArtifactInspected Type = "artifact.inspected"
	ArtifactDeleted   Type = "artifact.deleted"
	ArtifactSigned    Type = "artifact.signed"
	ArtifactAttached  Type = "artifact.attached"
	ArtifactExpiring  Type = "artifact.expiring"

	TagDeleted        Type = "tag.deleted"
	RepositoryDeleted Type = "repository.deleted"

	ChartPushed  Type = "chart.pushed"
	ChartPulled  Type = "chart.pulled"
	ChartDeleted Type = "chart.deleted"

	BlobPushed  Type = "blob.pushed"
	BlobPulled  Type = "blob.pulled"
	BlobMounted Type = "blob.mounted"
	BlobDeleted Type = "blob.deleted"

	BuildQueued    Type = "build.queued"
	BuildStarted   Type = "build.started"
	BuildSucceeded Type = "build.succeeded"
	BuildFailed    Type = "build.failed"
	BuildCanceled  Type = "build.canceled"

	ScanCompleted      Type = "scan.completed"
	VulnerabilityFound Type = "vulnerability.found"

	ReplicationStarted   Type = "replication.started"
	ReplicationSucceeded Type = "replication.succeeded"
	ReplicationFailed    Type = "replication.failed"
	ReplicationCanceled  Type = "replication.canceled"

	DeliveryChainCompleted Type = "delivery_chain.completed"
	QuotaWarning           Type = "quota.warning"
	QuotaExceeded          Type = "quota.exceeded"
	RetentionCompleted     Type = "retention.completed"

	// Unknown is a readable notification that maps to no other type.
	Unknown Type = "unknown"

	TargetFailing   Type = "bellbuoy.target.failing"
	TargetDisabled  Type = "bellbuoy.target.disabled"
	TargetRecovered Type = "bellbuoy.target.recovered"
	RegistrySilent  Type = "bellbuoy.registry.silent"
	RegistryBack    Type = "bellbuoy.registry.back"
	Quarantined     Type = "bellbuoy.quarantine"
	Expired         Type = "bellbuoy.expired"
	Digest          Type = "bellbuoy.digest"
	Test            Type = "bellbuoy.test"
)

// Types returns the closed list, in the order in which the documentation has it.
func Types() []Type {
	return []Type{
		ArtifactPushed, ArtifactPulled, ArtifactInspected, ArtifactDeleted,
		TagDeleted, RepositoryDeleted,
		ChartPushed, ChartPulled, ChartDeleted,
		ArtifactSigned, ArtifactAttached,
		BuildQueued, BuildStarted, BuildSucceeded, BuildFailed, BuildCanceled,
		ScanCompleted, VulnerabilityFound,
		ReplicationStarted, ReplicationSucceeded, ReplicationFailed, ReplicationCanceled,
		DeliveryChainCompleted, QuotaWarning, QuotaExceeded, RetentionCompleted,
		ArtifactExpiring,
		BlobPushed, BlobPulled, BlobMounted, BlobDeleted,
		Unknown,
		TargetFailing, TargetDisabled, TargetRecovered,
		RegistrySilent, RegistryBack, Quarantined, Expired, Digest, Test,
	}
}

// OnRequest reports whether events of type t are too many to keep unasked: pulls,
// inspections and blobs. They are stored only where a rule or the config's keep
// names them, and counted otherwise.
func (t Type) OnRequest() bool {
	switch t {
	case ArtifactPulled, ArtifactInspected, ChartPulled, BlobPushed, BlobPulled, BlobMounted, BlobDeleted:
		return true
	}
	return false
}

// Status is how something that takes time ended, or where it stands.
type Status string

const (
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Canceled  Status = "canceled"
	Denied    Status = "denied"
	Started   Status = "started"
	Queued    Status = "queued"
	Stopped   Status = "stopped"
)

// Statuses returns every status.
func Statuses() []Status {
	return []Status{Succeeded, Failed, Canceled, Denied, Started, Queued, Stopped}
}

// TimeSource says whose clock [Event.Time] is from.
type TimeSource string

const (
	TimeNative   TimeSource = "native"   // the registry said when
	TimeReceived TimeSource = "received" // it did not: the time of receipt stands in
)

// Origin says how an event came to be.
type Origin string

const (
	OriginNative     Origin = "native"     // a registry sent it
	OriginDerived    Origin = "derived"    // read out of another event, or made by bellbuoy of what it saw
	OriginReconciled Origin = "reconciled" // found by comparing with the registry
	OriginReplayed   Origin = "replayed"   // a stored event, judged again
	OriginTest       Origin = "test"       // made to try a target
)

// Registry names the registry that an event is from.
type Registry struct {
	Name     string `json:"name"`               // as in bellbuoy's config
	Type     string `json:"type"`               // distribution, harbor, quay, ...
	Instance string `json:"instance,omitempty"` // Distribution: source.instanceID, new at each start; ACR: InstanceId
	// InstanceName is what people call the instance, where the source says it.
	InstanceName string `json:"instance_name,omitempty"`
	Region       string `json:"region,omitempty"` // of a cloud: cn-hangzhou
	Host         string `json:"host,omitempty"`   // Distribution: request.host, as the client named it
}

// Repository is the repository that an event is about. Of an event about a whole
// namespace it is the Namespace alone, and URL is the namespace's.
type Repository struct {
	ID         string `json:"id,omitempty"`         // the registry's own, where it says one
	Namespace  string `json:"namespace,omitempty"`  // [Repository.FullName] up to the first slash; absent where there is none
	Name       string `json:"name,omitempty"`       // [Repository.FullName] behind the namespace
	FullName   string `json:"full_name,omitempty"`  // without the registry's host
	URL        string `json:"url,omitempty"`        // for people
	Visibility string `json:"visibility,omitempty"` // public or private
}

// Artifact is what was pushed, pulled, deleted, signed, scanned.
type Artifact struct {
	Digest       string   `json:"digest,omitempty"`        // of the manifest, or of the blob
	MediaType    string   `json:"media_type,omitempty"`    // of the manifest, or of the blob
	ArtifactType string   `json:"artifact_type,omitempty"` // as its manifest says, where that is known
	Kind         Kind     `json:"kind,omitempty"`
	Tags         []string `json:"tags,omitempty"` // those that the source names
	// TagsComplete is false where the source names only some of the tags; absent
	// where that does not arise.
	TagsComplete *bool      `json:"tags_complete,omitempty"`
	Size         int64      `json:"size,omitempty"`      // of the manifest, in bytes, as the source gives it
	Platforms    []Platform `json:"platforms,omitempty"` // of an index
	URL          string     `json:"url,omitempty"`       // as the source gives it, which may be without a scheme
	Subject      string     `json:"subject,omitempty"`   // digest of what this is attached to or signs
}

// Kind is what an artifact is, as far as the event (or a lookup) tells.
type Kind string

const (
	KindImage       Kind = "image"
	KindIndex       Kind = "index"
	KindChart       Kind = "chart"
	KindSignature   Kind = "signature"
	KindAttestation Kind = "attestation"
	KindSBOM        Kind = "sbom"
	KindWasm        Kind = "wasm"
	KindModel       Kind = "model"
	KindOther       Kind = "other"
	KindUnknown     Kind = "unknown"
)

// Kinds returns every kind.
func Kinds() []Kind {
	return []Kind{
		KindImage, KindIndex, KindChart, KindSignature, KindAttestation, KindSBOM,
		KindWasm, KindModel, KindOther, KindUnknown,
	}
}

// Platform is one platform of an index.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// Actor is who did it. All three are as the client claimed; on a registry without
// authentication they are unverified.
type Actor struct {
	Name      string `json:"name,omitempty"`
	Address   string `json:"address,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// Native is what the registry itself called this notification.
type Native struct {
	ID   string `json:"id,omitempty"`   // absent where the source has none
	Type string `json:"type,omitempty"` // e.g. Distribution's action, Harbor's PUSH_ARTIFACT
}
