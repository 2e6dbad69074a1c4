package main

import (
	"fmt"
	"strings"

	"exp/blocks"
	"exp/configs"
	"exp/internal/term"
	"exp/registry"
)

// listLong is `exp list --long`: as Markdown it is docs/experiments.md.
func (a *app) listLong(args, all []string, format term.Format) error {
	found := false
	if len(args) == 0 {
		found = true
		a.fieldsOfAFile(format)
	}
	for _, g := range parts() {
		if len(args) > 0 && g.name != args[0] {
			continue
		}
		entries, err := g.entries(a)
		if err != nil {
			return err
		}
		if format == term.Text {
			a.printPart(g, entries, found)
		} else {
			a.documentPart(g, entries)
		}
		found = true
	}
	if !found {
		return usage("list: %q is not one of %s%s", args[0], strings.Join(all, ", "), didYouMean(args[0], all))
	}
	return nil
}

// document is how docs/experiments.md begins.
const document = `# Experiment files

Every field of an experiment file and everything that can be named in one, as this build knows
them. This text is what ` + "`exp list --long --md`" + ` writes; a test keeps it so.

A file is YAML. ` + "`extends: FILE`" + ` (or a list of files, or the name of a shipped experiment) inherits: maps
merge, lists and scalars replace, ` + "`!replace`" + ` before a map drops what was inherited. What is picked by name is
written ` + "`NAME`" + ` or ` + "`{type: NAME, parameters…}`" + `. A stage's ` + "`unit`" + ` map is merged over ` + "`model.unit`" + `. On the command
line, ` + "`--set PATH=VALUE`" + ` changes one value by its dotted path; items of lists are named by number,
` + "`last`, `all`" + `, or their name. ` + "`exp check FILE`" + ` finds every mistake before anything runs, ` + "`exp schema`" + `
lets an editor find most of them while they are made. For VS Code with its YAML extension, write
` + "`exp schema > exp.schema.json`" + ` and set in ` + "`.vscode/settings.json`" + `:

` + "```json" + `
{
  "yaml.schemas": {"./exp.schema.json": ["configs/*.yaml", "examples/*.yaml"]},
  "yaml.customTags": ["!replace mapping"]
}
` + "```" + `

`

func (a *app) fieldsOfAFile(format term.Format) {
	fields := registry.Fields(configs.Default())
	stage := stageFields()
	if format == term.Text {
		a.printPart(part{name: "experiment", doc: "the fields of a file"}, []registry.Entry{{Name: "file", Doc: "an experiment", Fields: fields}, {Name: "stage", Doc: "an item of model.stages", Fields: stage}}, false)
		return
	}
	fmt.Fprint(a.out, document, "## The fields of a file\n\n")
	a.documentFields(fields)
	fmt.Fprint(a.out, "\nEach item of `model.stages`:\n\n")
	a.documentFields(stage)
}

// stageFields are the fields of an item of model.stages; its units have no default of their own.
func stageFields() []registry.Field {
	fields := registry.Fields(blocks.DefaultStage())
	for i := range fields {
		if fields[i].Name == "units" {
			fields[i].Default = ""
		}
	}
	return fields
}

func (a *app) documentPart(g part, entries []registry.Entry) {
	fmt.Fprintf(a.out, "\n## %s%s\n\n%s%s.\n", strings.ToUpper(g.name[:1]), g.name[1:], strings.ToUpper(g.doc[:1]), g.doc[1:])
	for _, e := range entries {
		fmt.Fprintf(a.out, "\n### `%s`\n\n%s%s.\n", e.Name, strings.ToUpper(e.Doc[:1]), e.Doc[1:])
		if len(e.Fields) > 0 {
			fmt.Fprintf(a.out, "\n```yaml\n%s\n```\n\n", written(e))
			a.documentFields(e.Fields)
		}
	}
}

func (a *app) documentFields(fields []registry.Field) {
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	fmt.Fprint(a.out, "| field | what it is | type | default |\n|---|---|---|---|\n")
	for _, f := range fields {
		kind := f.Type
		if f.Bounds != "" {
			kind += ", " + f.Bounds
		}
		def := ""
		switch {
		case f.Required:
			def = "required"
		case f.Default != "" && f.Default != `""`:
			def = "`" + f.Default + "`"
		}
		fmt.Fprintf(a.out, "| `%s` | %s | %s | %s |\n", f.Name, cell(f.Doc), cell(kind), cell(def))
	}
}

// written is an entry with all its defaults, as it stands in a file.
func written(e registry.Entry) string {
	parts := []string{"type: " + e.Name}
	for _, f := range e.Fields {
		switch {
		case f.Required:
			parts = append(parts, f.Name+": …")
		case f.Default != "":
			parts = append(parts, f.Name+": "+f.Default)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
