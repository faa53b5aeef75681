// Package shim lets the bridge reach the upstream provider, which lives in an `internal` package: Go allows the import
// only from inside the provider's own module path, hence this module's name.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider returns the upstream Docker provider.
func NewProvider(version string) *schema.Provider {
	return provider.New(version)()
}
