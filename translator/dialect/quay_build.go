package dialect

import (
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

type quayBuild struct {
	quayRepository
	BuildID         string        `json:"build_id"`
	BuildName       string        `json:"build_name,omitempty"`
	DockerTags      []string      `json:"docker_tags"`
	Repo            string        `json:"repo,omitempty"`
	IsManual        *bool         `json:"is_manual,omitempty"`
	ManualUser      *string       `json:"manual_user,omitempty"`
	TriggerManual   *bool         `json:"trigger_manual,omitempty"`
	TriggerID       string        `json:"trigger_id,omitempty"`
	TriggerKind     string        `json:"trigger_kind,omitempty"`
	TriggerMetadata *quayMetadata `json:"trigger_metadata,omitempty"`
	ManifestDigests []string      `json:"manifest_digests,omitempty"`
	ImageID         string        `json:"image_id,omitempty"`
	ErrorMessage    *string       `json:"error_message,omitempty"`
}

type quayMetadata struct {
	DefaultBranch string          `json:"default_branch,omitempty"`
	Ref           string          `json:"ref,omitempty"`
	Commit        string          `json:"commit,omitempty"`
	GitURL        string          `json:"git_url,omitempty"`
	CommitInfo    *quayCommitInfo `json:"commit_info,omitempty"`
}

type quayCommitInfo struct {
	URL       string      `json:"url,omitempty"`
	Message   string      `json:"message,omitempty"`
	Date      string      `json:"date,omitempty"`
	Author    *quayPerson `json:"author,omitempty"`
	Committer *quayPerson `json:"committer,omitempty"`
}

type quayPerson struct {
	Username string `json:"username,omitempty"`
	URL      string `json:"url,omitempty"`
}

// quayBuildOf tells of a build. One that has no id has that of the event, which Quay's
// receivers cannot do without.
func quayBuildOf(e *event.Event) quayBuild {
	b := e.Build
	q := quayBuild{
		quayRepository: quayRepositoryOf(e),
		BuildID:        b.ID, BuildName: b.Name, DockerTags: b.Tags,
		ManifestDigests: b.ManifestDigests, ImageID: b.ImageID,
	}
	if q.BuildID == "" {
		q.BuildID = e.ID
	}
	switch {
	case b.URL != "":
		q.Homepage = b.URL
	case q.Homepage != "":
		q.Homepage += "/build/" + q.BuildID
	}
	if q.DockerTags == nil {
		q.DockerTags = []string{}
	}
	if b.Error != "" || e.Type == event.BuildFailed {
		q.ErrorMessage = &b.Error
	}
	trigger := event.Trigger{}
	if b.Trigger != nil {
		trigger = *b.Trigger
	}
	q.TriggerID, q.TriggerKind = trigger.ID, trigger.Kind
	if e.Type == event.BuildQueued {
		byHand := trigger.Manual && trigger.ID == "" // with a trigger it is that which was fired by hand
		q.Repo, q.IsManual = e.Repository.Name, &byHand
		if trigger.ID != "" {
			q.TriggerManual = &trigger.Manual
		}
	}
	if trigger.User != "" {
		q.ManualUser = &trigger.User
	}
	if b.Commit != nil {
		q.TriggerMetadata = quayMetadataOf(b.Commit)
	}
	return q
}

func quayMetadataOf(c *event.Commit) *quayMetadata {
	m := &quayMetadata{DefaultBranch: c.DefaultBranch, Ref: c.Ref, Commit: c.SHA, GitURL: c.GitURL}
	info := quayCommitInfo{
		URL: c.URL, Message: c.Message,
		Author: quayPersonOf(c.Author, c.AuthorURL), Committer: quayPersonOf(c.Committer, c.CommitterURL),
	}
	if c.Time != nil {
		info.Date = c.Time.UTC().Format(time.RFC3339)
	}
	if info != (quayCommitInfo{}) {
		m.CommitInfo = &info
	}
	return m
}

func quayPersonOf(name, url string) *quayPerson {
	if name == "" && url == "" {
		return nil
	}
	return &quayPerson{name, url}
}
