namespace Credence.Models.Tests;

public sealed class ConvolutionSearchTests
{
    /// <summary>libtorch's own getter reads back what was set, so that both names are of the version that is loaded.</summary>
    [Fact]
    public void Libtorch_has_the_switch()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the names are those of Linux");
        var before = ConvolutionSearch.IsOn;

        Assert.True(ConvolutionSearch.Switch(!before));
        Assert.Equal(!before, ConvolutionSearch.IsOn);
        Assert.True(ConvolutionSearch.Switch(before));
        Assert.Equal(before, ConvolutionSearch.IsOn);
    }
}
