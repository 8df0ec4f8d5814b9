package adapters

import "testing"

func TestFamilyOf(t *testing.T) {
	tests := []struct {
		name, body string
		of         Family
		says       string
	}{
		{"ACR", `{"specversion":"1.0","source":"acs.cr","type":"cr:Artifact:BuildCompleted"}`, ACR, "cr:Artifact:BuildCompleted"},
		{"Harbor's CloudEvents", `{"specversion":"1.0","source":"/projects/2/webhook/policies/3","type":"harbor.artifact.pushed"}`, Harbor, "harbor.artifact.pushed"},
		{"other CloudEvents", `{"specversion":"1.0","source":"/projects/x","type":"y"}`, CloudEvents, "y"},
		{"Aliyun's trigger", `{"push_data":{"digest":"sha256:1","pushed_at":"2016-11-29 12:25:46"},"repository":{"repo_full_name":"a/b"}}`, ACRPersonal, ""},
		{"Aliyun's trigger without a digest", `{"push_data":{"pushed_at":""},"repository":{"repo_full_name":"a/b"}}`, ACRPersonal, ""},
		{"Docker Hub says when by a number", `{"push_data":{"pushed_at":1417566161},"repository":{"repo_name":"a/b"}}`, DockerHub, ""},
		{"push_data of neither", `{"push_data":{},"repository":[]}`, "", ""},
		{"Harbor 2 shouts", `{"type":"PUSH_ARTIFACT","occur_at":1,"event_data":{}}`, Harbor, "PUSH_ARTIFACT"},
		{"Harbor 1 and TCR do not", `{"type":"pushImage","occur_at":1,"event_data":{}}`, TCR, "pushImage"},
		{"no type", `{"occur_at":1,"event_data":{}}`, "", ""},
		{"no data", `{"type":"PUSH_ARTIFACT"}`, "", "PUSH_ARTIFACT"},
		{"type is a number", `{"type":1,"event_data":{}}`, "", ""},
		{"Distribution", `{"events":[]}`, Distribution, ""},
		{"Quay", `{"docker_url":"quay.io/a/b","homepage":"https://quay.io/repository/a/b"}`, Quay, ""},
		{"other case", `{"SpecVersion":"1.0","Push_Data":{"digest":""}}`, "", ""},
		{"a list", `[{"specversion":"1.0"}]`, "", ""},
		{"a string", `"specversion"`, "", ""},
		{"null", `null`, "", ""},
		{"nothing", `{}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if of, says := FamilyOf([]byte(tt.body)); of != tt.of || says != tt.says {
				t.Errorf("FamilyOf(%s) = %q, %q, want %q, %q", tt.body, of, says, tt.of, tt.says)
			}
		})
	}
}
