using Credence.Models;
using Credence.Models.Architecture;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Credence.Exporter.Tests;

public sealed class ClassifierOnnxTests
{
    /// <summary>Oracle: ONNX Runtime against libtorch, with and without noise.</summary>
    [Theory]
    [InlineData(Posterior.Plain, EncoderKind.Plain)]
    [InlineData(Posterior.ChannelDropout, EncoderKind.Plain)]
    [InlineData(Posterior.MeanField, EncoderKind.Residual)]
    public void The_translated_classifier_equals_the_network(Posterior posterior, EncoderKind encoder)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(3);
        using var network = Network.Build(
            new() { InputChannels = 2, Classes = 3, Width = 4, Kind = NetworkKind.Classifier, Posterior = posterior, Encoder = encoder, Norm = NormKind.Group, NormGroups = 2 }, generator);
        using var session = new InferenceSession(NetworkToOnnx.Translate([network], new Dictionary<string, string>()).ToByteArray());
        var image = torch.randn([2, 2, 8, 12, 8], generator: generator);
        var noise = network.NoiseInputs.ToDictionary(n => n.Name, n => torch.randn([.. n.Shape], generator: generator));
        float[] Run(IEnumerable<KeyValuePair<string, torch.Tensor>> inputs)
        {
            using var outputs = session.Run([.. inputs.Select(i => NamedOnnxValue.CreateFromTensor(i.Key, new DenseTensor<float>(i.Value.data<float>().ToArray(), [.. i.Value.shape.Select(e => (int)e)])))]);
            Assert.Equal([2, 3], outputs[0].AsTensor<float>().Dimensions.ToArray());
            return [.. outputs[0].AsTensor<float>()];
        }

        void AssertEqual(torch.Tensor expected, float[] found) =>
            Assert.All(expected.data<float>().ToArray().Zip(found), p => Assert.Equal(p.First, p.Second, tolerance: 1e-4));
        AssertEqual(network.forward(image), Run([new("image", image)]));
        AssertEqual(network.Run(image, new GivenNoise(noise)), Run(noise.Append(new("image", image))));
    }
}
