package alert

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Slack's bounds of one section and of one message
// (docs.slack.dev/reference/block-kit/blocks).
const (
	slackText  = 3000
	slackItems = 20
)

type slackMessage struct {
	Text   string       `json:"text"` // what a notification shows
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackPart `json:"text"`
}

type slackPart struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// slack is a message in Slack's form: the title, the worst items, where it was
// measured.
func slack(m Message) slackMessage {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s*", escape(m.Title))
	for i, x := range m.Items {
		if i == slackItems {
			fmt.Fprintf(&b, "\nand %d more", len(m.Items)-i)
			break
		}
		fmt.Fprintf(&b, "\n• *%s* %s", escape(x.Word), escape(strings.TrimSpace(x.Case+" "+x.Metric+" "+x.Text)))
	}
	var where []string
	for _, s := range []string{m.Suite, m.Device, m.Class, m.Run} {
		if s != "" {
			where = append(where, s)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		where = append(where, k+"="+m.Labels[k])
	}
	if len(where) > 0 {
		fmt.Fprintf(&b, "\n_%s_", escape(strings.Join(where, " · ")))
	}
	text := b.String()
	if r := []rune(text); len(r) > slackText {
		text = string(r[:slackText-1]) + "…"
	}
	return slackMessage{Text: escape(m.Title), Blocks: []slackBlock{{"section", slackPart{"mrkdwn", text}}}}
}

// slackEscape keeps names from becoming links and mentions: Slack reads & < and >
// as its own.
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ")

func escape(s string) string { return slackEscape.Replace(s) }
