#!/bin/sh
# Writes older.safetensors with the code of an earlier commit, whose network options had 10 properties: a mean-field network, an image, its logits with
# the posterior mean, and the KL. Run from a clone with full history: tests/Models.Tests/Golden/make_older_checkpoint.sh
set -eu
cd "$(dirname "$0")/../../.."
target="$PWD/tests/Models.Tests/Golden/older.safetensors"
older="$(mktemp -d)"
git worktree add --detach "$older" 0c6f669085def2b4aba9e58674968d5c027534aa
trap 'git worktree remove --force "$older"' EXIT
cat > "$older/tests/Models.Tests/OlderCheckpoint.cs" <<'CODE'
using Credence.Models.Checkpoints;

namespace Credence.Models.Tests;

public sealed class OlderCheckpoint
{
    [Fact]
    public void Write()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(20261126);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Posterior = Posterior.MeanField, PriorSigma = 0.3 }, generator);
        var image = randn([1, 1, 4, 4, 4], generator: generator);
        var tensors = new Dictionary<string, Tensor> { ["image"] = image, ["logits"] = network.forward(image), ["kl"] = network.KlDivergence() };
        Checkpoint.Save(Environment.GetEnvironmentVariable("TARGET")!, network, tensors, new Dictionary<string, string>());
    }
}
CODE
TARGET="$target" dotnet test "$older/tests/Models.Tests" -c Release --filter OlderCheckpoint
