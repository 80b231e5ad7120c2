using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Tests;

public sealed class DatasetTests
{
    [Fact]
    public void Decathlon_layout_is_read_with_one_or_more_channels()
    {
        using var one = SmallDataset.Decathlon();
        using var two = SmallDataset.Decathlon(channels: 2);

        Assert.Equal([one.File("imagesTr/case3.nii.gz")], Dataset.Open(one.Path).Cases[3].ChannelPaths);
        var dataset = Dataset.Open(two.Path);
        Assert.Equal([two.File("imagesTr/case3_0000.nii.gz"), two.File("imagesTr/case3_0001.nii.gz")], dataset.Cases[3].ChannelPaths);
        Assert.Equal(["channel0", "channel1"], dataset.Channels.Select(c => c.Name));
        Assert.Equal([("background", 0), ("lesion", 1)], dataset.Classes.Select(c => (c.Name, (int)c.Label)));
        Assert.Empty(dataset.Assumptions);
    }

    [Fact]
    public void Labels_may_be_written_as_the_decathlon_or_as_nnUNet_does()
    {
        using var data = SmallDataset.Decathlon();
        var asName = Dataset.Open(data.Path).Classes;
        data.Describe(new { modality = new Dictionary<string, string> { ["0"] = "MRI" }, labels = new Dictionary<string, string> { ["1"] = "lesion", ["0"] = "background" } });

        Assert.Equal(asName, Dataset.Open(data.Path).Classes);
    }

    [Fact]
    public void Scan_folders_without_a_description_are_proposed_one_that_says_the_same()
    {
        using var data = SmallDataset.ScanFolders();
        var guessed = Dataset.Open(data.Path);
        Assert.Equal(["flair", "t1"], guessed.Channels.Select(c => c.Name));
        Assert.Contains(guessed.Assumptions, a => a.Contains("lesion_mask.nii.gz", StringComparison.Ordinal));

        File.WriteAllText(data.File("dataset.json"), ScanFolderLayout.Describe(guessed));
        var described = Dataset.Open(data.Path);

        Assert.Empty(described.Assumptions);
        Assert.Equal(guessed.Cases.Select(c => (c.Id, string.Join("|", c.ChannelPaths), c.MaskPath)), described.Cases.Select(c => (c.Id, string.Join("|", c.ChannelPaths), c.MaskPath)));
    }

    [Fact]
    public void A_case_holds_the_voxels_of_its_files()
    {
        using var data = SmallDataset.ScanFolders();
        var dataset = Dataset.Open(data.Path);

        var loaded = CaseReader.Read(dataset, dataset.Cases[2]);

        // The DICOM channel was written from the same voxels; the series is stored along LPS, so it is compared in canonical order.
        Assert.Equal(Orientation.ToCanonical(SmallDataset.Scan(2, 1)).Voxels, Orientation.ToCanonical(loaded.Channels[0]).Voxels);
        Assert.Equal(SmallDataset.Mask(2).Labels, loaded.Mask.Labels);
    }

    [Fact]
    public void A_patient_may_have_two_masks_of_a_scan_and_a_changed_header_changes_the_content()
    {
        using var data = Damaged("twins with other masks");
        var dataset = Dataset.Open(data.Path);
        var (first, second) = (CaseReader.Read(dataset, dataset.Cases[1]), CaseReader.Read(dataset, dataset.Cases[2]));
        var patients = new System.Text.Json.Nodes.JsonObject { ["case0"] = "A", ["case1"] = "B", ["case2"] = "B", ["case3"] = "C", ["case4"] = "D" };
        var fingerprint = new FingerprintBuilder(dataset with { Patients = PatientGroups.Read(new() { ["patients"] = patients }, "dataset.json", [.. dataset.Cases.Select(c => c.Id)]) });
        fingerprint.Add(first);
        fingerprint.Add(second);
        Assert.Equal(first.ScanHash, second.ScanHash);

        var scan = SmallDataset.Scan(1, 0);
        var grid = scan.Geometry with { Affine = Affine.Scaling(new(1, 1, 2.5)) with { Origin = scan.Geometry.Affine.Origin } };
        NiftiFile.Write(data.File("imagesTr/case1.nii.gz"), new Volume(grid, scan.Voxels));
        NiftiFile.Write(data.File("labelsTr/case1.nii.gz"), new LabelMap(grid, SmallDataset.Mask(1).Labels));
        var moved = CaseReader.Read(dataset, dataset.Cases[1]);
        Assert.Equal(first.ScanHash, moved.ScanHash);
        Assert.NotEqual(first.ContentHash, moved.ContentHash);
    }

    public static TheoryData<string, string> Damages => new()
    {
        { "no folder", @"no such folder; expected a folder of scans\. Check the path given with --data\.$" },
        { "empty folder", @"no imagesTr and no case folder; expected the Decathlon layout, or one folder a case\. See docs/how-to/train-on-your-scans\.md" },
        { "no cases", @"no case; expected at least 2 cases" },
        { "no labelsTr", @"labelsTr: no such folder; expected the reference masks" },
        { "no description", @"dataset\.json: no such file" },
        { "broken description", @"dataset\.json: JSON that cannot be parsed" },
        { "no background", @"dataset\.json: labels 1, 2; expected 0 for background" },
        { "missing channel", @"case1_0001\.nii\.gz: case case1 has no channel channel1; expected every channel in every case" },
        { "missing mask", @"patient1.lesion_mask\.nii\.gz: case patient1 has no reference mask" },
        { "mismatched mask", @"labelsTr/case1\.nii\.gz: a grid of 16 x 20 x 11 voxels; expected 16 x 20 x 12 as in .*imagesTr/case1" },
        { "shifted mask", @"labelsTr/case1\.nii\.gz: a grid whose corners lie up to 3 mm away .*; expected at most 0\.1 mm" },
        { "unknown label", @"labelsTr/case1\.nii\.gz: label 4 in 2 voxels; expected only 0, 1\. Correct the mask, or add the label to dataset\.json" },
        { "NaN", @"imagesTr/case1\.nii\.gz: voxel \(3, 1, 2\) is NaN; expected finite numbers only" },
        { "truncated gzip", @"imagesTr/case1\.nii\.gz: .*; expected .*\. .*" },
        { "twins", @"cases case1 and case2 hold the same scan and mask; expected every case once" },
        { "twins with other masks", @"cases case1 and case2 hold the same scan; expected every case once\. .*; where two masks of a scan are meant, give both cases one patient in dataset\.json\." },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void Data_that_would_train_a_wrong_network_is_refused(string damage, string message)
    {
        using var data = Damaged(damage);

        var error = Assert.ThrowsAny<InputException>(() =>
        {
            var dataset = Dataset.Open(damage == "no folder" ? data.File("absent") : data.Path);
            var fingerprint = new FingerprintBuilder(dataset);
            foreach (var files in dataset.Cases)
            {
                fingerprint.Add(CaseReader.Read(dataset, files));
            }
        });

        Assert.Matches(message, error.Message);
    }

    /// <summary>A sound data set with one thing wrong in its second case.</summary>
    internal static SmallDataset Damaged(string damage)
    {
        var data = damage == "missing mask" ? SmallDataset.ScanFolders() : SmallDataset.Decathlon(channels: damage == "missing channel" ? 2 : 1);
        var (image, label) = (data.File("imagesTr/case1.nii.gz"), data.File("labelsTr/case1.nii.gz"));
        var grid = SmallDataset.Grid;
        switch (damage)
        {
            case "empty folder":
                Directory.Delete(data.File("imagesTr"), recursive: true);
                Directory.Delete(data.File("labelsTr"), recursive: true);
                break;
            case "no cases":
                Array.ForEach(Directory.GetFiles(data.File("labelsTr")), File.Delete);
                break;
            case "no labelsTr":
                Directory.Delete(data.File("labelsTr"), recursive: true);
                break;
            case "no description":
                File.Delete(data.File("dataset.json"));
                break;
            case "broken description":
                File.WriteAllText(data.File("dataset.json"), "{\"labels\": ");
                break;
            case "no background":
                data.Describe(new { channel_names = new Dictionary<string, string> { ["0"] = "MRI" }, labels = new { lesion = 1, edema = 2 } });
                break;
            case "missing channel":
                File.Delete(data.File("imagesTr/case1_0001.nii.gz"));
                break;
            case "missing mask":
                File.Delete(data.File("patient1/lesion_mask.nii.gz"));
                break;
            case "mismatched mask":
                var smaller = new Size3(16, 20, 11);
                NiftiFile.Write(label, new LabelMap(grid with { Size = smaller }, new byte[smaller.Count]));
                break;
            case "shifted mask":
                NiftiFile.Write(label, new LabelMap(grid with { Affine = grid.Affine with { Origin = grid.Affine.Origin + new Vector3D(0, 3, 0) } }, SmallDataset.Mask(1).Labels));
                break;
            case "unknown label":
                var mask = SmallDataset.Mask(1);
                (mask.Labels[5], mask.Labels[6]) = (4, 4);
                NiftiFile.Write(label, mask);
                break;
            case "NaN":
                var scan = SmallDataset.Scan(1, 0);
                scan[3, 1, 2] = float.NaN;
                NiftiFile.Write(image, scan);
                break;
            case "truncated gzip":
                File.WriteAllBytes(image, File.ReadAllBytes(image)[..^400]);
                break;
            case "twins with other masks":
                File.Copy(image, data.File("imagesTr/case2.nii.gz"), overwrite: true);
                break;
            case "twins":
                File.Copy(image, data.File("imagesTr/case2.nii.gz"), overwrite: true);
                File.Copy(label, data.File("labelsTr/case2.nii.gz"), overwrite: true);
                break;
            default:
                Assert.Equal("no folder", damage);
                break;
        }

        return data;
    }
}
