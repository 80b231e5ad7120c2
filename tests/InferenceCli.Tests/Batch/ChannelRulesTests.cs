using Credence.InferenceCli.Batch;

namespace Credence.InferenceCli.Tests.Batch;

/// <summary>Names as scanners and data sets give them (dcm_qa_nih, BraTS, BIDS, MSSEG, nnU-Net), and which contrast they are.</summary>
public sealed class ChannelRulesTests
{
    private static readonly ChannelRules Rules = new([new("FLAIR"), new("T1"), new("T1ce"), new("T2w"), new("PD")], new Dictionary<string, string>(), ChannelRules.DefaultIgnore);

    [Theory]
    [InlineData("FLAIR", "sub-01_ses-1_FLAIR")]
    [InlineData("FLAIR", "t2_space_dark-fluid_sag_p2_iso")]
    [InlineData("FLAIR", "AX T2 FLAIR FS")]
    [InlineData("FLAIR", "3DFLAIR")]
    [InlineData("FLAIR", "BraTS-GLI-00000-000-t2f")]
    [InlineData("T1", "t1_mprage_sag_p2_iso")]
    [InlineData("T1", "sub-01_T1w")]
    [InlineData("T1", "BraTS-GLI-00000-000-t1n")]
    [InlineData("T1", "MPRAGE")]
    [InlineData("T1", "Ax T1 FLAIR")] // T1-weighted, whatever its name
    [InlineData("T1", "T1 pre contrast")]
    [InlineData("T1ce", "BraTS-GLI-00000-000-t1c")]
    [InlineData("T1ce", "t1_mprage_sag_post")]
    [InlineData("T1ce", "post t1 tse")]
    [InlineData("T1ce", "T1 +C")]
    [InlineData("T1ce", "SAG MPRAGE GAD")]
    [InlineData("T2w", "AX T2 TSE")]
    [InlineData("T2w", "sub-01_T2w")]
    [InlineData("PD", "pd_tse_tra")]
    [InlineData(null, "AX T2* GRE")]
    [InlineData(null, "t2_star")]
    [InlineData(null, "ep2d_diff_ADC")]
    [InlineData(null, "part1")]
    [InlineData(null, "at1as")]
    [InlineData(null, "update")]
    public void A_name_is_of_one_contrast_or_none(string? channel, string name) =>
        Assert.Equal(channel is null ? [] : [channel], Rules.All.Where(r => r.Pattern.IsMatch(name)).Select(r => r.Channel));

    [Theory]
    [InlineData("mask", true)]
    [InlineData("p1_lesion_mask", true)]
    [InlineData("localizer", true)]
    [InlineData("predictive-entropy", true)]
    [InlineData("masked_flair", false)]
    [InlineData("local_flair", false)]
    public void Masks_results_and_localisers_are_no_scans(string name, bool isIgnored) => Assert.Equal(isIgnored, Rules.IsIgnored(name));

    [Theory]
    [InlineData("scan", true)]
    [InlineData("patient 7", true)]
    [InlineData("t1_mprage", false)] // a model of FLAIR must not be given what is plainly a T1
    [InlineData("ep2d_diff_ADC", false)]
    public void The_only_scan_is_taken_unless_it_is_named_after_another_contrast(string name, bool isTaken) =>
        Assert.Equal(isTaken, new ChannelRules([new("FLAIR")], new Dictionary<string, string>(), ChannelRules.DefaultIgnore).MayBeOnlyChannel(name));

    [Fact]
    public void A_rule_of_the_user_is_the_only_way()
    {
        var rules = new ChannelRules([new("FLAIR")], new Dictionary<string, string> { ["FLAIR"] = "tirm" }, ChannelRules.DefaultIgnore);
        Assert.Matches(rules.All[0].Pattern, "t2_TIRM_tra");
        Assert.DoesNotMatch(rules.All[0].Pattern, "FLAIR");
        Assert.False(rules.MayBeOnlyChannel("scan"));
    }

    [Fact]
    public void A_name_that_is_no_known_contrast_is_matched_by_its_words()
    {
        var rule = new ChannelRules([new("b=0 (low)"), new("CT")], new Dictionary<string, string>(), ChannelRules.DefaultIgnore).All[0].Pattern;
        Assert.Matches(rule, "case7_B=0-(low)_x"); // the name is no regular expression
        Assert.DoesNotMatch(rule, "b=01 (low)");
    }
}
