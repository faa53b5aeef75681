// Command pulumi-resource-docker serves the resources of the `pulumi_docker` package from the upstream Docker provider
// and Pulumi's own bridge. It stands in for the official plugin where that cannot be downloaded.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	pulumi "github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// version is set by the build to the SDK's own, which is the version the engine asks for.
var version = "0.0.0"

// The schema is read only by code generators, never while serving.
var schema = []byte(`{"name":"docker"}`)

func main() {
	info := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(shim.NewProvider(version)),
		Name:    "docker",
		Version: version,
		Config: map[string]*tfbridge.SchemaInfo{
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		// Where the SDK's name is not the one that the bridge would derive. Every name and every list of SDK 5.2.0 was
		// compared; these are all that differ.
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_config": {Tok: resource("ServiceConfig")},
			"docker_container": {
				Tok: resource("Container"),
				// As the official plugin does: a program that wants the successor first says so itself.
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           {Name: "command"},
					"networks_advanced": {Name: "networksAdvanced"},
				},
			},
			"docker_image": {
				Tok: resource("RemoteImage"),
				// An image's name says what to pull, so none is made up.
				Fields: map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}},
			},
		},
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	// What the program leaves unnamed gets a name from the engine, as with the official plugin.
	info.SetAutonaming(255, "-")
	tfbridge.Main("docker", version, info, schema)
}

func resource(name string) pulumi.Type {
	return tfbridge.MakeResource("docker", "index", name)
}
