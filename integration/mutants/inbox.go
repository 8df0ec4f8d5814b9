package main

// inboxes are bugs in what people are told.
func inboxes() []mutant {
	told := finder{".", "./internal/store", "^(TestNoticeIsKeptOnce|TestReadByEachForHimself|TestMarkAll|TestFullInbox|TestRetentionOfNotices|TestNoticesMakeRoom)$"}
	return []mutant{
		{
			name: "notice-before-its-commit", file: "plugin/senders/inbox/inbox.go",
			old:    "	added, err := s.keep(ctx, n)\n",
			new:    "	added, err := true, error(nil)\n	go func() { _, _ = s.keep(ctx, n) }()\n",
			finder: finder{".", "./internal/app", "^TestAnswersOfTheStore$"},
		},
		{
			name: "notice-with-an-id-of-its-own", file: "internal/app/inbox.go",
			old:    "			ID: n.ID, Inbox:",
			new:    "			ID: fmt.Sprint(n.ID, new(int)), Inbox:",
			finder: finder{".", "./internal/app", "^TestAnswersOfTheStore$"},
		},
		{
			name: "read-by-one-is-read-by-all", file: "internal/store/inbox_read.go",
			old: "LEFT JOIN notice_read r ON r.person = ?1 AND", new: "LEFT JOIN notice_read r ON ?1 = ?1 AND", finder: told,
		},
		{
			name: "unread-of-anybody", file: "internal/store/inbox_read.go",
			old: "AND NOT EXISTS (SELECT 1 FROM notice_read r WHERE r.person = ?1 AND r.notice = n.seq)\n		GROUP",
			new: "AND NOT EXISTS (SELECT 1 FROM notice_read r WHERE ?1 = ?1 AND r.notice = n.seq)\n		GROUP", finder: told,
		},
		{
			name: "marks-of-others-inboxes", file: "internal/store/inbox_read.go",
			old: "			WHERE id = ?3 AND inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?4))\n",
			new: "			WHERE id = ?3 AND ?4 = ?4\n", finder: told,
		},
		{
			name: "inbox-without-a-bound", file: "internal/store/inbox.go",
			old: "	if there <= InboxKeeps {", new: "	if there > 0 {", finder: told,
		},
		{
			name: "notices-for-ever", file: "internal/store/retention.go",
			old: "s.dropNotices(ctx, micros(now.Add(-r.Age)))", new: "s.dropNotices(ctx, 0)", finder: told,
		},
		{
			name: "marks-for-ever", file: "internal/store/inbox.go",
			old: "`DELETE FROM notice_read WHERE notice IN (SELECT", new: "`DELETE FROM notice_read WHERE notice < 0 AND notice IN (SELECT", finder: told,
		},
		{
			name: "every-inbox-is-everyones", file: "internal/app/inbox.go",
			old:    "people.Teams.Of(user)",
			new:    "func() (all []string) {\n		for name := range people.Teams {\n			all = append(all, name)\n		}\n		return all\n	}()",
			finder: finder{".", "./internal/app", "^TestInboxesOfPeople$"},
		},
		{
			name: "names-on-the-terminal", file: "cmd/bellbuoy/inbox.go",
			old:    "clip(safe(n.Title), 2*cellMax)",
			new:    "clip(n.Title, 2*cellMax)",
			finder: finder{".", "./cmd/bellbuoy", "^TestNoticeOnATerminal$"},
		},
	}
}
