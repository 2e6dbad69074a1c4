package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"exp/configs"
)

func newSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of experiment files, for editors",
		Long: `Write the JSON Schema of experiment files to standard output. An editor with a YAML language
server then completes names, shows what they mean and marks mistakes, when a file begins with

  # yaml-language-server: $schema=exp.schema.json

VS Code, with Red Hat's YAML extension, takes two settings (.vscode/settings.json): the schema, for
files without that line, and the one tag there is, which it would mark as unknown:

  "yaml.schemas": {"./exp.schema.json": ["configs/*.yaml", "examples/*.yaml"]},
  "yaml.customTags": ["!replace mapping"]

exp check finds what a schema cannot say: shapes, and what has no effect.

` + exitCodes,
		Example: "  exp schema > exp.schema.json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(*cobra.Command, []string) error {
			text, err := configs.Schema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s\n", text)
			return err
		}),
	}
}
